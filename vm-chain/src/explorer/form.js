// A contract's interface, each function with a form that calls it: dry, or sent in the name of a known account.

import { el, link, named, resolve, value } from "./dom.js";
import { call } from "./rpc.js";
import { ending, event, tree } from "./trace.js";

const PLAIN = new Set(["u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128", "string", "bytes", "address", "object_id", "hash"]);

// A type as authors write it.
export function typeName(type) {
  if (typeof type === "string") return type;
  const [[kind, of]] = Object.entries(type);
  switch (kind) {
    case "struct": case "enum": return of.name;
    case "array": return `[${typeName(of[1])}; ${of[0]}]`;
    case "tuple": return `(${of.map(typeName).join(", ")})`;
    case "map": case "result": return `${kind}<${of.map(typeName).join(", ")}>`;
    default: return `${kind}<${typeName(of)}>`;
  }
}

const isNothing = (type) => type === undefined || (type?.tuple && type.tuple.length === 0);

// What a field holds, as JSON for the node, which checks it against the type.
function read(text, type, name) {
  if (type === "address") return resolve(text.trim());
  if (PLAIN.has(type)) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${name}: expected JSON of ${typeName(type)}, as true, "Some name", [1, 2] or {"field": 1}`);
  }
}

function answered(out, answer) {
  const { events, trace, transaction, gas_used: gas } = answer;
  out.replaceChildren(
    el("div", {}, ending(answer, answer.output), isNothing(answer.returns) || answer.returns === null ? "" : ` → ${value(answer.returns)}`,
      el("span", { class: "gas" }, ` ${gas} gas`),
      transaction ? el("span", {}, " in ", link("tx", transaction)) : el("span", { class: "quiet" }, " nothing was sent")),
    ...events.map((it) => el("div", { class: "event" }, `event ${event(it)}`)),
    trace ? tree(trace) : "",
  );
}

function signature({ name, params = [], returns }) {
  const inside = params.map((param) => `${param.name}: ${typeName(param.type)}`).join(", ");
  return `${name}(${inside})${isNothing(returns) ? "" : ` → ${typeName(returns)}`}`;
}

function form(contract, it) {
  const out = el("output", {});
  const params = it.params ?? [];
  const inputs = params.map((param) => el("input", { name: param.name, required: true, autocomplete: "off", spellcheck: "false", list: param.type === "address" ? "names" : null }));
  const from = el("select", { name: "$from", "aria-label": "from" }, named().filter((name) => name !== contract.name).map((name) => el("option", { value: name }, `@${name}`)));
  const amount = el("input", { name: "$value", value: "0", inputmode: "numeric" });
  const run = async (send) => {
    out.replaceChildren("…");
    try {
      const args = Object.fromEntries(params.map((param, index) => [param.name, read(inputs[index].value, param.type, param.name)]));
      const value = it.payable ? amount.value : "0";
      answered(out, await call("dev_call", { call: { from: from.value, contract: contract.address, function: it.name, args, value, send } }));
    } catch (error) {
      out.replaceChildren(el("span", { class: "bad" }, error.message));
    }
  };
  const view = it.kind === "view";
  return el("form", { class: "call", "data-function": it.name, onsubmit: (submitted) => { submitted.preventDefault(); run(submitted.submitter?.value === "send"); } },
    el("div", {}, el("code", {}, signature(it)), " ", el("span", { class: "quiet" }, it.kind, it.payable ? ", payable" : "")),
    it.docs ? el("p", { class: "quiet" }, it.docs) : null,
    params.map((param, index) => el("label", {}, el("span", {}, param.name, " ", el("span", { class: "quiet" }, typeName(param.type))), inputs[index])),
    it.payable ? el("label", {}, el("span", {}, "value ", el("span", { class: "quiet" }, "sent along")), amount) : null,
    el("div", { class: "actions" },
      el("label", {}, "from", from),
      el("button", { value: "run", class: view ? null : "plain" }, view ? "Ask" : "Try"),
      view ? null : el("button", { value: "send" }, "Send")),
    out);
}

export function functions(contract) {
  const callable = contract.interface.functions.filter(({ kind }) => kind !== "init");
  return [
    el("datalist", { id: "names" }, named().map((name) => el("option", { value: `@${name}` }))),
    ...callable.map((it) => form(contract, it)),
  ];
}

export function records(title, items) {
  if (!items || items.length === 0) return null;
  const line = ({ name, fields = [], docs }) => el("li", {},
    el("code", {}, `${name} { ${fields.map((field) => `${field.name}: ${typeName(field.type)}`).join(", ")} }`),
    docs ? el("span", { class: "quiet" }, ` ${docs}`) : null);
  return el("section", {}, el("h3", {}, title), el("ul", {}, items.map(line)));
}
