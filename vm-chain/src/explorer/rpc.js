// The node's JSON-RPC: requests over HTTP, subscriptions over one WebSocket that is opened again when it breaks.

const url = new URL("/", location.href);

export class RpcError extends Error {
  constructor({ code, message }) {
    super(message);
    this.code = code;
  }
}

let next = 1;

export async function call(method, params = {}) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: next++, method, params });
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  if (!response.ok) {
    throw new RpcError({ code: response.status, message: `${response.status} ${await response.text()}` });
  }
  const answer = await response.json();
  if (answer.error) throw new RpcError(answer.error);
  return answer.result;
}

const RETRY_MS = 1000;

// Calls `heard` with each item of the subscriptions `wanted` ({ method, params, heard }), and `state` with true once all of
// them have begun and with false when the connection is gone: what happens in between is not heard.
export function follow(wanted, state) {
  const socket = new WebSocket(url.href.replace(/^http/, "ws"));
  const asked = new Map();
  const heard = new Map();
  socket.addEventListener("open", () => {
    wanted.forEach((subscription, index) => {
      asked.set(index, subscription);
      const { method, params = {} } = subscription;
      socket.send(JSON.stringify({ jsonrpc: "2.0", id: index, method, params }));
    });
  });
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data);
    if (asked.has(message.id)) {
      if (message.result !== undefined) heard.set(message.result, asked.get(message.id).heard);
      asked.delete(message.id);
      if (asked.size === 0) state(true);
    } else if (message.params) {
      heard.get(message.params.subscription)?.(message.params.result);
    }
  });
  socket.addEventListener("close", () => {
    state(false);
    setTimeout(() => follow(wanted, state), RETRY_MS);
  });
}
