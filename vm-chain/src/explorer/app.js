// Pages by the address's fragment; blocks and events as they come.

import { el, isId, learn, link, list, number, short, show, table, time, value } from "./dom.js";
import { functions, records } from "./form.js";
import { call, follow } from "./rpc.js";
import { ending, event, tree } from "./trace.js";

const SHOWN = 25;
const page = document.getElementById("page");
const head = document.getElementById("head");

// The chain's end, newest first: what was read, and what was heard since the reading began.
const live = { blocks: [], events: [] };

const blockPlace = ({ header }) => [header.height];
const eventPlace = (it) => [it.height, it.transaction_index, it.index];

// `items` and `more` by `place`, newest first, each place once: the item of `more` where both have it.
function newest(items, more, place) {
  const byPlace = new Map([...items, ...more].map((it) => [place(it).join(), it]));
  const later = (left, right) => place(right).map((at, level) => at - place(left)[level]).find((apart) => apart !== 0) ?? 0;
  return [...byPlace.values()].sort(later).slice(0, SHOWN);
}

function what(payload) {
  switch (payload.kind) {
    case "transfer": return ["sends ", payload.amount, " to ", link("owner", payload.to)];
    case "call": return ["calls ", link("contract", payload.contract), `.${payload.function}`];
    case "deploy": return ["deploys ", link("contract", payload.contract)];
    default: return ["uploads ", short(payload.code_hash)];
  }
}

const blockRow = ({ header, transactions }) => [
  link("block", header.height, String(header.height)), time(header.time), number(transactions.length), number(header.gas_used), link("block", header.hash),
];

const eventRow = (it) => [
  link("block", it.height, String(it.height)), link("tx", it.transaction), link("contract", it.contract),
  el("span", { class: "value event" }, event(it)),
];

const blockTable = (blocks) => table(["Block", "Time", "Transactions #", "Gas #", "Hash"], blocks.map(blockRow), "No blocks yet.");
const eventTable = (events) => table(["Block", "Transaction", "Contract", "Event"], events.map(eventRow), "No events yet.");

async function recent(height) {
  const heights = Array.from({ length: Math.min(SHOWN, height + 1) }, (_, back) => height - back);
  return Promise.all(heights.map((at) => call("vm_block", { at })));
}

async function overview() {
  live.blocks = [];
  live.events = [];
  const { head: { height } } = await call("vm_status");
  head.textContent = `block ${height}`;
  const [blocks, { events }] = await Promise.all([recent(height), call("vm_events", { filter: { from: Math.max(0, height - 1000) } })]);
  live.blocks = newest(blocks, live.blocks, blockPlace);
  live.events = newest(events, live.events, eventPlace);
  return [
    el("h2", {}, "Blocks"), el("div", { id: "blocks" }, blockTable(live.blocks)),
    el("h2", {}, "Events"), el("div", { id: "events" }, eventTable(live.events)),
  ];
}

async function block(at) {
  const it = await call("vm_block", { at: isId(at) ? at : Number(at) });
  const header = it.header;
  const rows = it.transactions.map((sent) => [String(sent.index), link("tx", sent.hash), link("owner", sent.sender), what(sent.payload)]);
  return [
    el("h2", {}, `Block ${header.height}`),
    list([
      ["hash", el("span", { class: "id" }, header.hash)], ["parent", link("block", header.parent)], ["time", time(header.time)],
      ["gas", number(header.gas_used)], ["state root", el("span", { class: "id" }, header.state_root)],
      ["receipts root", el("span", { class: "id" }, header.receipts_root)],
      ["mints", it.mints.length ? it.mints.map(({ to, amount }) => `${amount} to ${show(to)}`).join(", ") : null],
    ]),
    el("h3", {}, "Transactions"),
    table(["#", "Hash", "Sender", "What"], rows, it.kept ? "None." : "Not kept: this block came with a snapshot, or is the first."),
  ];
}

async function transaction(hash) {
  const { transaction: sent, receipt, trace } = await call("vm_trace", { hash, level: "calls" });
  return [
    el("h2", {}, "Transaction"),
    list([
      ["hash", el("span", { class: "id" }, sent.hash)], ["block", link("block", sent.height, `${sent.height}`)],
      ["sender", link("owner", sent.sender)], ["nonce", String(sent.nonce)], ["what", el("span", {}, what(sent.payload))],
      ["result", ending(receipt, receipt.output)], ["returned", receipt.returns === null ? null : value(receipt.returns)],
      ["gas", `${number(receipt.gas_used)} of ${number(sent.gas_limit)}`],
    ]),
    el("h3", {}, "Trace"), tree(trace),
    el("h3", {}, "Events"), eventTable(receipt.events),
  ];
}

async function contracts() {
  const { contracts: found } = await call("vm_contracts");
  const rows = found.map((it) => [link("contract", it.address), it.name, link("owner", it.deployer), short(it.code_hash)]);
  return [el("h2", {}, "Contracts"), table(["Address", "Name", "Deployer", "Code"], rows, "None yet: `vm deploy NAME.wasm`.")];
}

async function contract(address) {
  const it = await call("vm_contract", { address });
  const { events } = await call("vm_events", { filter: { contract: address } });
  return [
    el("h2", {}, `Contract ${it.name}`),
    list([["address", el("span", { class: "id" }, it.address)], ["code hash", el("span", { class: "id" }, it.code_hash)], ["deployer", link("owner", it.deployer)]]),
    el("h3", {}, "Functions"), functions(it),
    records("Events", it.interface.events), records("Errors", it.interface.errors), records("Objects", it.interface.objects),
    el("h3", {}, "Last events"), eventTable(events.reverse().slice(0, SHOWN)),
  ];
}

function objectRows(objects) {
  return objects.map((it) => [
    link("object", it.id), link("contract", it.contract),
    it.fields.map((field) => `${field.name ?? short(field.name_hash)} = ${field.decoded === null ? field.value : value(field.decoded)}`).join(", "),
  ]);
}

async function owner(address) {
  const account = await call("vm_account", { address });
  const objects = await call("vm_objects", { filter: { owner: address } });
  return [
    el("h2", {}, show(address)),
    list([["address", account.is_contract ? link("contract", address, address) : el("span", { class: "id" }, address)], ["balance", account.balance], ["nonce", String(account.nonce)]]),
    el("h3", {}, "Objects"), table(["Object", "Contract", "Fields"], objectRows(objects), "None."),
  ];
}

async function object(id) {
  const it = await call("vm_object", { id });
  const rows = it.fields.map((field) => [field.name ?? short(field.name_hash), el("span", { class: "value" }, field.decoded === null ? field.value : value(field.decoded))]);
  return [
    el("h2", {}, "Object"),
    list([["id", el("span", { class: "id" }, it.id)], ["contract", link("contract", it.contract)], ["owner", link("owner", it.owner)], ["who may change it", it.policy], ["acquired in block", link("block", it.acquired_height, String(it.acquired_height))]]),
    table(["Field", "Value"], rows, "No fields."),
  ];
}

async function accounts() {
  const { names } = await call("vm_status");
  const rows = await Promise.all(names.map(async ({ name, address }) => {
    const account = await call("vm_account", { address });
    return [`@${name}`, link("owner", address, address), account.balance, String(account.nonce)];
  }));
  return [el("h2", {}, "Accounts"), table(["Name", "Address", "Balance #", "Nonce #"], rows, "No account has a name.")];
}

const PAGES = { "": overview, block, tx: transaction, contracts, contract, owner, object, accounts };

let shown = 0;

function pageOf(fragment) {
  const [, kind = "", id] = fragment.split("/");
  return { make: PAGES[kind] ?? overview, id };
}

async function open() {
  const { make, id } = pageOf(location.hash);
  const mine = ++shown;
  let content;
  try {
    content = await make(id);
  } catch (error) {
    content = [el("p", { class: "bad" }, error.message)];
  }
  // A page asked for later has come first.
  if (mine === shown) page.replaceChildren(...content.flat().filter((it) => it !== null));
}

async function search(text) {
  const plain = text.trim().replace(/^@/, "");
  const { names } = await call("vm_status");
  const found = names.find(({ name }) => name === plain);
  if (found) return `owner/${found.address}`;
  if (/^[0-9]+$/.test(plain)) return `block/${plain}`;
  const tries = [["tx", "vm_transaction", { hash: plain }], ["block", "vm_block", { at: plain }], ["contract", "vm_contract", { address: plain }], ["object", "vm_object", { id: plain }]];
  for (const [kind, method, params] of tries) {
    try {
      await call(method, params);
      return `${kind}/${plain}`;
    } catch { /* It is something else. */ }
  }
  return isId(plain) ? `owner/${plain}` : null;
}

document.getElementById("search").addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const field = submitted.target.elements.what;
  const found = await search(field.value);
  field.setCustomValidity(found ? "" : "nothing of this name, height or hash");
  if (found) location.hash = `#/${found}`;
  else field.reportValidity();
});

// A block at a height that was seen before follows a rollback: what stood there and above is gone.
function heardBlock(it) {
  const { height } = it.header;
  head.textContent = `block ${height}`;
  if (live.blocks.some(({ header }) => header.height >= height && header.hash !== it.header.hash)) {
    live.blocks = live.blocks.filter(({ header }) => header.height < height);
    const sent = new Set(it.transactions.map(({ hash }) => hash));
    live.events = live.events.filter((event) => event.height < height || sent.has(event.transaction));
    document.getElementById("events")?.replaceChildren(eventTable(live.events));
  }
  live.blocks = newest(live.blocks, [it], blockPlace);
  document.getElementById("blocks")?.replaceChildren(blockTable(live.blocks));
}

function heardEvent(it) {
  live.events = newest(live.events, [it], eventPlace);
  document.getElementById("events")?.replaceChildren(eventTable(live.events));
}

// What happened before the subscriptions began, or while they were broken, was not heard: the overview reads it.
function connection(connected) {
  document.body.classList.toggle("offline", !connected);
  if (connected && pageOf(location.hash).make === overview) open();
}

async function start() {
  const status = await call("vm_status");
  document.title = `${status.chain}: vm devnet`;
  head.textContent = `block ${status.head.height}`;
  status.names.forEach(({ name, address }) => learn(name, address));
  window.addEventListener("hashchange", open);
  await open();
  follow([
    { method: "vm_subscribe_blocks", heard: heardBlock },
    { method: "vm_subscribe_events", params: { filter: {} }, heard: heardEvent },
  ], connection);
}

start().catch((error) => { head.textContent = error.message; });
