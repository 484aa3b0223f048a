// Asks the REST API for all nodes every two seconds while the page is visible, and shows them.
// Everything that comes from the API is put in as text, never as markup.
"use strict";

const REFRESH_MS = 2000;
const FIELDS = "uuid,name,provision_state,target_provision_state,power_state,maintenance," +
  "maintenance_reason,last_error,progress,stage,status_text,image_receipt,burnin,console_enabled,health";
const VERSION = { "X-OpenStack-Ironic-API-Version": "1.109" };
const GOOD = new Set(["active", "available", "manageable"]);
const byId = (id) => document.getElementById(id);

let nodes = [];

async function fetchNodes() {
  const found = [];
  let url = `/v1/nodes?fields=${FIELDS}&include_children=true`;
  while (url) {
    const reply = await fetch(url, { headers: VERSION });
    if (!reply.ok) throw new Error(await refusal(reply));
    const page = await reply.json();
    found.push(...page.nodes);
    const next = page.next && new URL(page.next);
    url = next && next.pathname + next.search;
  }
  return found;
}

// What the API says of a refusal, such as the role that a login lacks.
async function refusal(reply) {
  const status = `the API answered ${reply.status} ${reply.statusText}`;
  try {
    return `${status}: ${JSON.parse((await reply.json()).error_message).faultstring}`;
  } catch {
    return status;
  }
}

function cell(row, className, text) {
  const made = row.insertCell();
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function small(parent, text) {
  const made = document.createElement("small");
  made.textContent = ` ${text}`;
  parent.append(made);
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
  const name = cell(row, "", node.name || node.uuid);
  name.title = node.uuid;
  if (node.console_enabled) {
    const link = document.createElement("a");
    link.href = `/ui/console.html?node=${encodeURIComponent(node.uuid)}`;
    link.textContent = "console";
    const beside = document.createElement("small");
    beside.append(" ", link);
    name.append(beside);
  }
  const state = cell(row, colour(node), node.provision_state);
  if (node.target_provision_state) small(state, `to ${node.target_provision_state}`);
  const power = cell(row, isIll(node) ? "bad" : "", node.power_state || "unknown");
  if (isIll(node)) small(power, `health: ${node.health}`);
  const text = cell(row, node.stage ? "text" : "text bad", node.status_text);
  if (node.maintenance) small(text, `in maintenance: ${node.maintenance_reason || "no reason given"}`);
  const receipt = node.image_receipt;
  if (receipt && !node.stage) {
    small(text, `${receipt.image} on ${receipt.disk}, read back: ${receipt.verified}`);
    text.title = `${receipt.digest}, ${receipt.content_bytes} bytes in ${receipt.seconds} s`;
  }
  const kinds = Object.entries(node.burnin || {});
  if (kinds.length && node.provision_state === "manageable") {
    const verdicts = kinds.map(([kind, one]) => `${kind} ${one.passed_at ? "passed" : "not passed"}`);
    small(text, `burn-in: ${verdicts.join(", ")}`);
  }
  const bar = cell(row, "");
  if (node.progress && node.progress.bytes_total) {
    const made = document.createElement("progress");
    made.max = node.progress.bytes_total;
    made.value = node.progress.bytes_done || 0;
    bar.append(made);
  }
}

function show() {
  const wanted = byId("filter").value.trim().toLowerCase();
  const rows = document.createElement("tbody");
  rows.id = "nodes";
  for (const node of nodes) {
    const text = [node.name, node.uuid, node.provision_state, node.power_state, node.status_text].join(" ");
    if (text.toLowerCase().includes(wanted)) fill(rows.insertRow(), node);
  }
  byId("nodes").replaceWith(rows);
  byId("empty").hidden = nodes.length > 0;
  const busy = nodes.filter((node) => node.target_provision_state && colour(node) === "busy").length;
  const bad = nodes.filter(needsAttention).length;
  byId("summary").textContent = `${nodes.length} nodes, ${busy} busy, ${bad} need attention`;
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

byId("filter").addEventListener("input", show);
refresh();
