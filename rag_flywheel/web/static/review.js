// Reviews by keyboard: each key is on the button that it presses. `?` lists them, where they can be turned off as well.
"use strict";
(() => {
  const OFF = "review-keys-off";
  const sheet = document.getElementById("keys");
  const opener = document.getElementById("open-keys");
  const use = document.getElementById("use-keys");

  const off = () => {
    try { return localStorage.getItem(OFF) !== null; } catch { return false; }
  };
  const open = () => {
    use.checked = !off();
    sheet.showModal();
  };
  opener.hidden = false;
  opener.addEventListener("click", open);
  use.addEventListener("change", () => {
    try {
      if (use.checked) localStorage.removeItem(OFF);
      else localStorage.setItem(OFF, "yes");
    } catch { /* then it holds until the page is left */ }
  });

  const isField = (element) =>
    element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement ||
    (element instanceof HTMLInputElement && element.type !== "checkbox");
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const rowOf = (element) => element?.closest(".entry")?.querySelector("[data-row]") ?? null;

  const move = (step) => {
    const all = rows();
    const at = all.indexOf(rowOf(document.activeElement));
    all[Math.min(Math.max(at + step, 0), all.length - 1)]?.focus();
  };
  const tick = () => {
    const box = document.activeElement?.closest(".entry")?.querySelector("input[type=checkbox]");
    if (box) box.checked = !box.checked;
  };
  const press = (key) => {
    const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (target === null) return false;
    if (isField(target)) target.focus();
    else target.click();
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented || sheet.open) return;
    if (isField(event.target)) {
      if (event.key === "Escape") event.target.blur();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.id === "answer") press("a");
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "?") open();
    else if (off()) return;
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "x") tick();
    else if (!press(event.key)) return;
    event.preventDefault();
  });
})();
