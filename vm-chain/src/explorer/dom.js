// Elements, ids and values. Everything shown comes from contracts and senders, so text is only ever set as text.

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const nameOf = new Map();
const idOf = new Map();

export function learn(name, id) {
  nameOf.set(id, name);
  idOf.set(name, id);
}

export const named = () => [...idOf.keys()];
export const resolve = (text) => idOf.get(text.replace(/^@/, "")) ?? text;

const ID = /^0x[0-9a-f]{64}$/;

export const isId = (text) => typeof text === "string" && ID.test(text);

export function short(text) {
  return isId(text) ? `${text.slice(0, 10)}…${text.slice(-4)}` : text;
}

export function show(id) {
  return nameOf.has(id) ? `@${nameOf.get(id)}` : short(id);
}

export function link(kind, id, text = show(id)) {
  return el("a", { class: "id", href: `#/${kind}/${id}`, title: id }, text);
}

// A decoded value: digits that have a name are shown by it.
export function value(it) {
  if (it === null || it === undefined) return "none";
  if (isId(it)) return show(it);
  if (typeof it === "string") return it.startsWith("0x") ? it : JSON.stringify(it);
  if (Array.isArray(it)) return `[${it.map(value).join(", ")}]`;
  if (typeof it === "object") return `{ ${fields(it)} }`;
  return String(it);
}

export const fields = (record) => Object.entries(record).map(([name, it]) => `${name} = ${value(it)}`).join(", ");

export const number = (count) => Number(count).toLocaleString("en").replaceAll(",", "\u202f");

export const time = (milliseconds) => new Date(milliseconds).toISOString().replace("T", " ").replace(/\.000Z$/, " UTC");

export function list(pairs) {
  return el("dl", {}, pairs.filter(([, it]) => it !== null && it !== undefined).flatMap(([term, it]) => [el("dt", {}, term), el("dd", {}, it)]));
}

export function table(heads, rows, empty) {
  if (rows.length === 0) return el("p", { class: "quiet" }, empty);
  const head = heads.map((text) => el("th", { class: text.endsWith("#") ? "number" : null }, text.replace(/ #$/, "")));
  const cells = (row) => row.map((cell, index) => el("td", { class: heads[index].endsWith("#") ? "number" : null }, cell));
  return el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows.map((row) => el("tr", {}, cells(row)))));
}
