// Starts the terminal of textual-serve: once its fonts are there, with the keyboard on it, and without the
// doors that it opens to elsewhere.
"use strict";

const terminal = document.querySelector("#terminal");
const why = document.querySelector("#why");
const again = document.querySelector("#again");

// A link in a webhook's body leads nowhere: a click on it is a click on the screen.
window.open = () => null;

// Tells when the socket of the terminal, which it keeps to itself, has data, and why it ended.
window.WebSocket = class extends WebSocket {
  constructor(...address) {
    super(...address);
    this.addEventListener("message", focus, { once: true });
    this.addEventListener("close", (event) => {
      why.textContent = event.reason || "The connection to lean-relay web has ended.";
      again.hidden = false;
      again.focus();
    });
  }
};

function focus() {
  terminal.querySelector("textarea")?.focus();
}

window.addEventListener("focus", focus);
again.addEventListener("click", () => window.location.reload());

terminal.dataset.sessionWebsocketUrl = new URL("socket", window.location.href.replace(/^http/, "ws")).href;

// Cells have the size of the font's letters, so the fonts come first.
Promise.allSettled(["", "italic"].map((style) => document.fonts.load(`${style} 15px "Roboto Mono"`))).then(() => {
  const script = document.createElement("script");
  script.src = "textual.js";
  script.onload = () => window.onload();
  document.head.append(script);
});
