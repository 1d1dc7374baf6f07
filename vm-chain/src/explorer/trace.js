// A transaction's call tree.

import { el, fields, link, number, short, show, value } from "./dom.js";

export function ending({ status, error }, output) {
  const good = status === "success";
  let text = status;
  if (error) text += `: ${error.name}${Object.keys(error.fields).length ? ` { ${fields(error.fields)} }` : ""}`;
  else if (!good && output && output !== "0x") text += `: ${output}`;
  return el("span", { class: good ? "good" : "bad" }, text);
}

export function event({ name, fields: known, data }) {
  return `${name} ${known ? `{ ${fields(known)} }` : data}`;
}

function change(it) {
  switch (it.kind) {
    case "created": return `created ${show(it.object)}, owned by ${show(it.owner)}`;
    case "deleted": return `deleted ${show(it.object)}`;
    case "owner_set": return `${show(it.object)}: owner ${show(it.from)} → ${show(it.to)}`;
    case "field_read": return `read ${show(it.object)}.${it.field}`;
    case "field_set": return `${show(it.object)}.${it.field}: ${value(it.before)} → ${value(it.after)}`;
    case "transferred": return `sent ${it.amount} to ${show(it.to)}`;
    case "refused": return `refused: the sender may not change ${show(it.object)}`;
    default: return JSON.stringify(it);
  }
}

function step(it) {
  if (it.frame) return frame(it.frame);
  if (it.event) return el("li", { class: "event" }, `event ${event(it.event)}`);
  const { function: name, failed, gas_used: gas, change: what } = it.operation;
  const text = what ? change(what) : `${name}${failed ? `: ${failed}` : ""}`;
  const quiet = !what || what.kind === "field_read";
  return el("li", { class: failed || what?.kind === "refused" ? "bad" : quiet ? "quiet" : null },
    text, " ", el("span", { class: "gas" }, `${number(gas)} gas`));
}

function frame(it) {
  const args = it.args ? fields(it.args) : short(it.raw_args);
  const head = [
    it.kind === "call" ? "" : `${it.kind} `,
    it.name ? link("contract", it.contract, `${it.name} ${show(it.contract)}`) : show(it.contract),
    it.function ? `.${it.function}(${args})` : "",
    it.value === "0" ? "" : ` with ${it.value}`,
    it.status === "success" ? "" : " ",
    it.status === "success" ? "" : ending(it, it.output),
    it.detail ? ` (${it.detail})` : "",
    it.returns === null || it.returns === undefined ? "" : ` → ${value(it.returns)}`,
    " ",
    el("span", { class: "gas" }, `${number(it.gas_used)} gas`),
  ];
  if (it.steps.length === 0) return el("li", {}, head);
  return el("li", {}, el("details", { open: true }, el("summary", {}, head), el("ul", {}, it.steps.map(step))));
}

export function tree({ root, truncated }) {
  return el("ul", { class: "tree" }, frame(root), truncated ? el("li", { class: "quiet" }, "the trace was cut here") : null);
}
