// What a page cannot say in HTML: stop an answer, send with Enter, take a question up again.
"use strict";
(() => {
  const form = document.getElementById("ask");
  const field = document.getElementById("question");
  const stop = document.getElementById("stop");
  let asking = null; // the form whose answer is on its way

  const busy = (source) => {
    asking = source;
    stop.hidden = source === null;
    for (const button of document.querySelectorAll("form[hx-post='/ask'] button:not([type=button])")) {
      button.disabled = source !== null;
    }
  };
  const asks = (event) => event.target instanceof Element && event.target.matches("form[hx-post='/ask']");

  document.addEventListener("htmx:before:request", (event) => {
    if (!asks(event)) return;
    busy(event.target);
  });
  document.addEventListener("htmx:sse:after:connection", (event) => {
    if (event.target === form) field.value = ""; // not before: what fails can be sent again
  });
  document.addEventListener("htmx:finally:request", (event) => {
    if (!asks(event)) return;
    busy(null);
    for (const turn of document.querySelectorAll(".turn[aria-busy]")) turn.removeAttribute("aria-busy");
    field.focus({ preventScroll: true });
  });
  document.addEventListener("htmx:after:swap", () => {
    ready();
    document.querySelector(".turn[aria-busy]")?.scrollIntoView({ block: "start" });
  });

  stop.addEventListener("click", () => {
    if (asking !== null) htmx.trigger(asking, "htmx:abort");
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (asking === null) form.requestSubmit();
    }
  });
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-edit]") : null;
    if (button === null) return;
    field.value = button.closest(".turn").querySelector(".question").textContent;
    field.focus();
  });

  const ready = () => {
    for (const button of document.querySelectorAll("[data-edit]")) button.hidden = false;
  };
  ready();
})();
