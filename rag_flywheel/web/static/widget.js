// A button on another site's page, and a panel with our page in a frame. It shares neither styles nor names with its host.
"use strict";
(() => {
  const NAME = "rag-flywheel-widget";
  const origin = new URL(document.currentScript.src).origin;
  const LOOK = `
    * { box-sizing: border-box; font: 16px/1.5 system-ui, sans-serif; }
    :host { --brand: #364fc7; --on-brand: #fff; --surface: #fff; --text: #16191d; --line: #868e96; }
    button { cursor: pointer; border: 1px solid transparent; border-radius: 28px; background: var(--brand);
      color: var(--on-brand); font-weight: 600; min-height: 48px; padding: 8px 20px; }
    #open { box-shadow: 0 3px 12px rgb(0 0 0 / 0.3); }
    button:focus-visible { outline: 3px solid var(--brand); outline-offset: 2px; }
    dialog { inset: auto 16px 16px auto; margin: 0; padding: 0; width: min(420px, 100vw - 32px); height: min(680px, 100dvh - 32px);
      max-width: none; max-height: none; border: 1px solid var(--line); border-radius: 16px; overflow: hidden;
      background: var(--surface); color: var(--text); box-shadow: 0 8px 32px rgb(0 0 0 / 0.3); }
    dialog[open] { display: flex; flex-direction: column; }
    dialog::backdrop { background: rgb(0 0 0 / 0.15); }
    header { display: flex; align-items: center; justify-content: space-between; padding: 4px 8px 4px 16px; border-bottom: 1px solid var(--line); }
    h2 { margin: 0; font-weight: 600; }
    header button { background: none; color: inherit; border-radius: 8px; min-height: 44px; padding: 4px 12px; font-weight: 500; }
    iframe { flex: 1; width: 100%; border: 0; background: var(--surface); }
    @media (prefers-color-scheme: dark) {
      :host { --brand: #91a7ff; --on-brand: #0d0f12; --surface: #16191d; --text: #e9ecef; }
    }
    @media (max-width: 640px), (max-height: 480px) {
      dialog { inset: 0; width: 100%; height: 100dvh; border: 0; border-radius: 0; }
    }
    @media print { button, dialog { display: none !important; } }
  `;
  // What stands on the element itself with !important is above all that the host's styles can say of it.
  const PLACE = {
    all: "initial", position: "fixed", inset: "auto 16px 16px auto", display: "block", "z-index": "2147483647",
    "color-scheme": "light dark",
  };

  const made = (tag, values = {}, ...within) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(values)) element.setAttribute(name, value);
    element.append(...within);
    return element;
  };

  const place = () => {
    if (document.querySelector(NAME) !== null) return; // the script tag stands there twice
    const host = made(NAME);
    for (const [name, value] of Object.entries(PLACE)) host.style.setProperty(name, value, "important");
    const look = new CSSStyleSheet(); // a policy of the host against inline styles does not forbid it
    look.replaceSync(LOOK);
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [look];

    const opener = made("button", { id: "open", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", "aria-controls": "panel" }, "Ask a question");
    const closer = made("button", { type: "button" }, "Close");
    const frame = made("iframe", { title: "Ask a question", referrerpolicy: "no-referrer" });
    const title = made("h2", { id: "title" }, "Ask a question");
    const panel = made("dialog", { id: "panel", "aria-labelledby": "title" }, made("header", {}, title, closer), frame);
    root.append(made("aside", { "aria-label": "Questions" }, opener, panel));
    document.body.append(host);

    const begin = () => {
      frame.focus();
      frame.contentWindow.postMessage({ type: "rag-flywheel:open" }, origin);
    };
    opener.addEventListener("click", () => {
      panel.showModal(); // keeps the focus within, and gives it back to the button
      opener.setAttribute("aria-expanded", "true");
      if (frame.src !== "") return begin();
      frame.addEventListener("load", begin, { once: true });
      frame.src = `${origin}/widget`; // not before somebody wants it
    });
    closer.addEventListener("click", () => panel.close());
    panel.addEventListener("click", (event) => {
      if (event.target === panel) panel.close(); // beside it
    });
    panel.addEventListener("close", () => opener.setAttribute("aria-expanded", "false"));
    window.addEventListener("message", (event) => {
      const ours = event.origin === origin && event.source === frame.contentWindow;
      if (ours && event.data?.type === "rag-flywheel:close") panel.close();
    });
  };

  if (document.body === null) document.addEventListener("DOMContentLoaded", place);
  else place();
})();
