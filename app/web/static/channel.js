// The classroom channel: a WebSocket that says who is on air. Comes back by itself when the link does.

import { retryDelay } from "./rejoin.js";

const SILENCE = 45_000;

export class Channel {
  #address;
  #hello;
  #onMessage;
  #socket = null;
  #attempt = 0;
  #timer = 0;
  #watchdog = 0;
  #closed = false;

  // hello() → what the server is told first, as a promise: who asks, and the viewer
  constructor(path, hello, onMessage) {
    this.#address = new URL(path, location.href);
    this.#address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.#hello = hello;
    this.#onMessage = onMessage;
    this.#open();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    this.#socket?.close(1000);
  }

  // Lost while there is no connection: whoever says something says it again after the next welcome.
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #open() {
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    socket.onopen = () => this.#greet(socket);
    socket.onmessage = ({ data }) => this.#receive(socket, JSON.parse(data));
    socket.onclose = ({ code }) => this.#lost(code);
  }

  async #greet(socket) {
    try {
      socket.send(JSON.stringify({ type: "hello", ...(await this.#hello()) }));
    } catch {
      socket.close(4000); // we cannot say who we are just now: try again later
    }
  }

  #receive(socket, message) {
    if (this.#attempt > 0) this.#onMessage({ type: "found" });
    this.#attempt = 0;
    clearTimeout(this.#watchdog);
    if (message.type === "ping") {
      this.#watchdog = setTimeout(() => socket.close(4000), SILENCE);
      socket.send(JSON.stringify({ type: "pong" }));
    } else {
      this.#onMessage(message);
    }
  }

  #lost(code) {
    clearTimeout(this.#watchdog);
    if (this.#closed) return;
    // 4401, 4403, 4404: the answer would be the same again.
    if (code >= 4401 && code <= 4404) return this.#onMessage({ type: "refused", status: code - 4000 });
    // A server that starts anew is back at once; after two attempts that failed, people should know.
    if (this.#attempt === 2) this.#onMessage({ type: "missing" });
    this.#timer = setTimeout(() => this.#open(), retryDelay(this.#attempt++));
  }
}
