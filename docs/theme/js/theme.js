// Before the first paint: the reader's own choice of light or dark, if there was one.
(() => {
  let choice = null;
  try { choice = localStorage.getItem("theme"); } catch { /* a browser that keeps nothing */ }
  if (choice) document.documentElement.dataset.theme = choice;
})();
