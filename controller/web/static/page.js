// Asks the REST API for all nodes every two seconds while the page is visible, and shows them.
// Everything that comes from the API is put in as text, never as markup.
import { ask } from "/ui/api.js";

const REFRESH_MS = 2000;
const FIELDS = "uuid,name,provision_state,target_provision_state,power_state,maintenance," +
  "maintenance_reason,last_error,progress,stage,status_text,image_receipt,burnin,console_enabled,health";
const GOOD = new Set(["active", "available", "manageable"]);
const byId = (id) => document.getElementById(id);

let nodes = [];
const shown = new Map(); // by UUID: what was told of a node, and its row

async function fetchNodes() {
  const found = [];
  let url = `/v1/nodes?fields=${FIELDS}&include_children=true`;
  while (url) {
    const page = await (await ask("GET", url)).json();
    found.push(...page.nodes);
    const next = page.next && new URL(page.next);
    url = next && next.pathname + next.search;
  }
  return found;
}

function cell(row, className, text) {
  const made = row.insertCell();
  made.className = className;
  if (text) words(made, "bdi", "", text);
  return made;
}

// Text has an element of its own ("bdi", or "small" that is isolated), because some turns what comes after it from right to left.
function words(parent, kind, className, text) {
  const made = document.createElement(kind);
  made.className = className;
  made.textContent = text;
  parent.append(" ", made);
}

function isIll(node) {
  return Boolean(node.health) && node.health !== "OK";
}

function needsAttention(node) {
  return colour(node) === "bad" || String(node.health).toUpperCase() === "CRITICAL";
}

function colour(node) {
  const state = node.provision_state;
  if (state === "error" || state.endsWith(" failed") || node.maintenance) return "bad";
  if (node.target_provision_state) return "busy";
  return GOOD.has(state) ? "good" : "";
}

function fill(row, node) {
  const name = cell(row, "name", node.name || node.uuid);
  name.title = node.uuid;
  if (node.console_enabled) {
    const link = document.createElement("a");
    link.href = `/ui/console.html?node=${encodeURIComponent(node.uuid)}`;
    link.textContent = "console";
    name.append(" ", link);
  }
  const state = cell(row, colour(node), node.provision_state);
  if (node.target_provision_state) words(state, "small", "", `to ${node.target_provision_state}`);
  const power = cell(row, "", node.power_state || "unknown");
  if (isIll(node)) words(power, "small", "bad", `health: ${node.health}`);
  tell(cell(row, "text"), node);
  const bar = cell(row, "");
  if (node.progress && node.progress.bytes_total) {
    const made = document.createElement("progress");
    made.max = node.progress.bytes_total;
    made.value = node.progress.bytes_done || 0;
    bar.append(made);
  }
}

// What goes on, what went wrong (only that is red), and what is known of its disk.
function tell(told, node) {
  const text = document.createElement("div");
  if (node.status_text) words(text, "bdi", node.stage ? "" : "bad", node.status_text);
  if (node.maintenance) words(text, "small", "bad", `in maintenance: ${node.maintenance_reason || "no reason given"}`);
  const receipt = node.image_receipt;
  if (receipt && !node.stage) {
    words(text, "small", "", `${receipt.image} on ${receipt.disk}, read back: ${receipt.verified}`);
    text.title = `${receipt.digest}, ${receipt.content_bytes} bytes in ${receipt.seconds} s`;
  }
  const kinds = Object.entries(node.burnin || {});
  if (kinds.length && node.provision_state === "manageable") {
    const verdicts = kinds.map(([kind, one]) => `${kind} ${one.passed_at ? "passed" : "not passed"}`);
    words(text, "small", "", `burn-in: ${verdicts.join(", ")}`);
  }
  if (text.hasChildNodes()) told.append(text);
}

// A row is made anew when its node has changed, and only then: what is marked in the others stays so, and the keyboard's place.
function rowOf(node) {
  const told = JSON.stringify(node);
  const before = shown.get(node.uuid);
  if (before?.told === told) return before.row;
  const row = document.createElement("tr");
  fill(row, node);
  before?.row.replaceWith(row);
  shown.set(node.uuid, { told, row });
  return row;
}

function show() {
  const rows = new Map(nodes.map((node) => [node.uuid, rowOf(node)]));
  for (const [uuid, { row }] of shown) {
    if (rows.has(uuid)) continue;
    row.remove();
    shown.delete(uuid);
  }
  let next = byId("nodes").firstChild;
  for (const row of rows.values()) {
    if (row === next) next = next.nextSibling;
    else byId("nodes").insertBefore(row, next);
  }
  choose();
  byId("empty").hidden = nodes.length > 0;
  const busy = nodes.filter((node) => node.target_provision_state && colour(node) === "busy").length;
  const bad = nodes.filter(needsAttention).length;
  const count = nodes.length === 1 ? "1 node" : `${nodes.length} nodes`;
  byId("summary").textContent = `${count}, ${busy} busy, ${bad} need attention`;
}

function choose() {
  const wanted = byId("filter").value.trim().toLowerCase();
  for (const [uuid, { row }] of shown) row.hidden = !`${row.textContent} ${uuid}`.toLowerCase().includes(wanted);
}

async function refresh() {
  if (!document.hidden) {
    const problem = byId("problem");
    try {
      nodes = await fetchNodes();
      problem.hidden = true;
      show();
    } catch (error) {
      problem.textContent = `What is below may be old: ${error.message}`;
      problem.hidden = false;
    }
  }
  setTimeout(refresh, REFRESH_MS);
}

byId("filter").addEventListener("input", choose);
refresh();
