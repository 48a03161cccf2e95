// The buttons: light or dark, the list of pages on a narrow screen, copy.
(() => {
  const root = document.documentElement;

  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* kept for this page only */ }
  });

  const pages = document.getElementById("pages");
  const here = pages.querySelector("[aria-current]");
  if (here && here.offsetTop > pages.clientHeight - 80) pages.scrollTop = here.offsetTop - pages.clientHeight / 2;

  const menu = document.getElementById("menu");
  menu.addEventListener("click", () => {
    const shown = pages.classList.toggle("shown");
    menu.setAttribute("aria-expanded", String(shown));
  });

  // Of a session the commands are copied, without the prompt and the output.
  const words = (block) => {
    const text = block.querySelector("code").textContent;
    if (!block.querySelector(".gp")) return text;
    return text.split("\n").filter((line) => /^[#$] /.test(line)).map((line) => `${line.slice(2)}\n`).join("");
  };
  for (const pre of document.querySelectorAll("main pre")) {
    if (!pre.querySelector("code") || !navigator.clipboard) continue;
    const block = document.createElement("div");
    block.className = "block";
    pre.replaceWith(block);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(words(pre));
      button.textContent = "copied";
    });
    block.append(pre, button);
  }
})();
