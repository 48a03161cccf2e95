// Search over an index that is a script, not a file to fetch: so it works on pages opened from a disk too.
(() => {
  const input = document.getElementById("query");
  const list = document.getElementById("found");
  const base = document.body.dataset.base.replace(/\/?$/, "/");
  let index = null;
  let chosen = -1;

  const load = () => {
    if (index !== null) return;
    index = [];
    const script = document.createElement("script");
    script.src = `${base}search/index.js`;
    script.onload = () => {
      index = window.searchIndex.map((entry) => ({
        ...entry, low: entry.title.toLowerCase(), body: `${entry.page} ${entry.text}`.toLowerCase(),
      }));
      show();
    };
    document.head.append(script);
  };

  // A word in the title is worth ten in the text, one that begins there a little more; each word has to occur.
  const score = (entry, words) => {
    let total = 0;
    for (const word of words) {
      const title = entry.low.indexOf(word);
      const text = entry.body.indexOf(word);
      if (title < 0 && text < 0) return 0;
      total += title >= 0 ? (title === 0 ? 14 : 10) : 1;
      if (entry.low === word) total += 20;
    }
    return total;
  };

  const excerpt = (entry, words) => {
    const low = entry.text.toLowerCase();
    const places = words.map((word) => low.indexOf(word)).filter((place) => place >= 0);
    const start = places.length ? Math.max(0, Math.min(...places) - 50) : 0;
    return (start ? "… " : "") + entry.text.slice(start, start + 160);
  };

  const marked = (text, words) => {
    const part = document.createElement("span");
    const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "gi");
    text.split(pattern).forEach((piece, number) => {
      part.append(number % 2 ? Object.assign(document.createElement("mark"), { textContent: piece }) : piece);
    });
    return part;
  };

  const row = ({ entry }, number, words) => {
    const item = document.createElement("li");
    item.setAttribute("role", "option");
    item.id = `found-${number}`;
    const link = document.createElement("a");
    link.href = base + entry.location;
    link.tabIndex = -1;
    const title = document.createElement("strong");
    title.textContent = entry.title === entry.page ? entry.title : `${entry.title} · ${entry.page}`;
    link.append(title, marked(excerpt(entry, words), words));
    item.append(link);
    return item;
  };

  const choose = (number) => {
    const items = [...list.querySelectorAll("[role=option]")];
    chosen = items.length ? (number + items.length) % items.length : -1;
    items.forEach((item, place) => item.setAttribute("aria-selected", String(place === chosen)));
    if (chosen >= 0) {
      input.setAttribute("aria-activedescendant", items[chosen].id);
      items[chosen].scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };

  const hide = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  };

  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length || index === null) { hide(); return; }
    const found = index
      .map((entry) => ({ entry, value: score(entry, words) }))
      .filter((each) => each.value)
      .sort((one, other) => other.value - one.value)
      .slice(0, 12);
    list.replaceChildren(...found.map((each, number) => row(each, number, words)));
    if (!found.length) {
      list.append(Object.assign(document.createElement("li"), { className: "none", textContent: "Nothing found" }));
    }
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    choose(found.length ? 0 : -1);
  };

  input.addEventListener("focus", load);
  input.addEventListener("input", () => { load(); show(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(chosen + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && chosen >= 0) {
      list.querySelectorAll("[role=option] a")[chosen].click();
      hide();
    } else if (event.key === "Escape") {
      hide();
      input.blur();
    }
  });
  document.addEventListener("click", (event) => { if (!event.target.closest(".search")) hide(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      input.focus();
    }
  });
})();
