// The widget's page, in a frame of another site's page: who asks again, what was asked, and the keyboard.
"use strict";
(() => {
  const VISITOR = "widget-visitor";
  const BEGUN = "widget-begun";
  const here = new Map(); // where a browser lets a frame keep nothing, it holds until the page is left
  const keep = (name, value) => {
    here.set(name, value);
    try { sessionStorage.setItem(name, value); } catch { /* then here alone */ }
  };
  const kept = (name) => {
    try { return sessionStorage.getItem(name) ?? here.get(name) ?? null; } catch { return here.get(name) ?? null; }
  };
  const drop = (name) => {
    here.delete(name);
    try { sessionStorage.removeItem(name); } catch { /* then it was never there */ }
  };
  const drawn = () => {
    const bits = crypto.getRandomValues(new Uint8Array(32));
    return btoa(String.fromCharCode(...bits)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };
  if (kept(VISITOR) === null) keep(VISITOR, drawn());

  const show = (more = {}) => {
    const begun = kept(BEGUN);
    const asked = new URLSearchParams({ ...(begun === null ? {} : { begun }), ...more });
    return htmx.ajax("GET", `/widget/conversation?${asked}`, { target: "#kept", swap: "innerHTML" });
  };

  document.addEventListener("htmx:config:request", (event) => {
    event.detail.ctx.request.headers["X-Rag-Visitor"] = kept(VISITOR);
  });
  document.addEventListener("htmx:after:swap", () => {
    const begun = document.getElementById("conversation").value;
    if (begun !== "") keep(BEGUN, begun);
    else if (document.querySelector("[data-deleted]") !== null) drop(BEGUN);
  });
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest("[data-not-now]") !== null) document.getElementById("correcting").remove();
    const link = event.target.closest("a");
    if (link === null) return;
    const path = link.getAttribute("href");
    if (path === "/consent") {
      event.preventDefault();
      show({ change: "true" }).then(() => document.getElementById("main").scrollIntoView());
    } else if (/^\/answers\/[^/]+\/correct$/.test(path)) {
      event.preventDefault();
      document.getElementById("correcting")?.remove();
      htmx.ajax("GET", path, { target: `#${CSS.escape(link.closest(".said").id)}`, swap: "afterend" })
        .then(() => document.getElementById("correcting-title").focus());
    }
  });

  // Only pages that the settings name can show this one; what they are told holds nothing of anybody.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) parent.postMessage({ type: "rag-flywheel:close" }, "*");
  });
  window.addEventListener("message", (event) => {
    if (event.source === parent && event.data?.type === "rag-flywheel:open") document.getElementById("question").focus();
  });

  document.addEventListener("DOMContentLoaded", () => show());
})();
