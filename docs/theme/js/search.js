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
        ...entry, low: entry.title.toLowerCase(), home: entry.page.toLowerCase(), body: entry.text.toLowerCase(),
      }));
      show();
    };
    document.head.append(script);
  };

  // Words of a question that say nothing of what is asked for.
  const EMPTY = new Set("a an and are can do does for how i in is it my of on or the to what when where which why".split(" "));
  const asked = (query) => {
    const words = [...new Set(query.split(/[\s?!,;]+/).filter(Boolean))];
    const telling = words.filter((word) => !EMPTY.has(word));
    return telling.length ? telling : words;
  };

  const escaped = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  // A word in the title is worth ten in the text, one that begins there a little more, one in the name of the page three;
  // in the text it is worth more the more often it is there. What is but a part of another word ("use" in "refused")
  // counts little.
  const worth = (entry, { word, begins }) => {
    const times = entry.body.match(begins)?.length ?? 0;
    const text = times ? 1 + Math.min(times, 9) / 10 : entry.body.includes(word) ? 0.5 : 0;
    const title = entry.low.match(begins) ? (entry.low.startsWith(word) ? 14 : 10) : entry.low.includes(word) ? 2 : 0;
    return title + (entry.home.match(begins) ? 3 : 0) + text;
  };
  const score = (entry, looked, query) => {
    const each = looked.map((one) => worth(entry, one));
    const total = each.reduce((sum, value) => sum + value, 0);
    const found = each.filter(Boolean).length;
    return { found, total: total + (found && entry.low === query ? 30 : 0) };
  };

  const excerpt = (entry, words) => {
    const low = entry.text.toLowerCase();
    const places = words.map((word) => low.indexOf(word)).filter((place) => place >= 0);
    const start = places.length ? Math.max(0, Math.min(...places) - 50) : 0;
    return (start ? "… " : "") + entry.text.slice(start, start + 160);
  };

  const marked = (text, words) => {
    const part = document.createElement("span");
    const pattern = new RegExp(`(${words.map(escaped).join("|")})`, "gi");
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
    const query = input.value.trim().toLowerCase();
    const words = asked(query);
    if (!words.length || index === null) { hide(); return; }
    // Where no place has all the words, those that have the most of them are shown.
    const looked = words.map((word) => ({ word, begins: new RegExp(`(?<![a-z0-9])${escaped(word)}`, "g") }));
    const scored = index.map((entry) => ({ entry, ...score(entry, looked, query) }));
    const most = Math.max(...scored.map((each) => each.found));
    const found = scored
      .filter((each) => most && each.found === most)
      .sort((one, other) => other.total - one.total)
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
