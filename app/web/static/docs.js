// The API's reference, drawn from /openapi.json: nothing comes from elsewhere, so it is there without the internet too.

import { get, wordsFor } from "./api.js";
import { say, wireLanguageButton } from "./i18n.js";
import { example, fields, typeName } from "./openapi.js";
import { byId } from "./page.js";

wireLanguageButton();
show();

async function show() {
  try {
    const api = await get("/openapi.json");
    byId("document").append(prose(api.info.description), ...api.tags.map((tag) => section(api, tag)));
    byId("state").hidden = true;
    openNamed();
    addEventListener("hashchange", openNamed);
  } catch (failure) {
    say(byId("state"), wordsFor(failure));
  }
}

function section(api, { name, description }) {
  const operations = [];
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      // Listed once, under the tag closest to it.
      if (operation.tags?.at(-1) === name) operations.push(entry(api, method, path, operation));
    }
  }
  return element("section", {}, element("h2", {}, name), prose(description), ...operations);
}

function entry(api, method, path, operation) {
  const head = element("summary", {}, element("span", { className: "method" }, method.toUpperCase()));
  head.append(element("code", { className: "path" }, path), element("span", {}, operation.summary ?? ""));
  const box = element("details", { className: "operation", id: operation.operationId }, head);
  box.append(prose(operation.description ?? ""));
  if (operation.security) box.append(element("p", { className: "hint" }, "Needs a bearer token."));
  if (operation.parameters?.length) box.append(heading("Parameters"), parameters(api, operation.parameters));
  for (const [type, media] of Object.entries(operation.requestBody?.content ?? {})) {
    box.append(heading(`Body, ${type}`), table(fields(api, media.schema)), sample(api, media));
  }
  for (const [status, response] of Object.entries(operation.responses)) box.append(...answer(api, status, response));
  return box;
}

function answer(api, status, { description, headers, content }) {
  const parts = [heading(`${status} ${description}`)];
  const named = Object.entries(headers ?? {});
  if (named.length) {
    parts.push(table(named.map(([name, { description: text }]) => ({ name, type: "header", text }))));
  }
  // Every error has the same shape; only those with an example of their own say more.
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  if (media && (type !== "application/problem+json" || media.example || media.examples)) parts.push(sample(api, media));
  return parts;
}

function parameters(api, list) {
  const row = ({ name, in: place, required, schema, description: text }) => {
    return { name, required, type: `${typeName(api, schema)}, in the ${place}`, text };
  };
  return table(list.map(row));
}

function table(rows) {
  const list = element("dl", { className: "fields" });
  for (const { name, type, required, text } of rows) {
    list.append(element("dt", {}, element("code", {}, name), required ? " *" : ""));
    list.append(element("dd", {}, type), prose(text ?? "", "dd"));
  }
  return list;
}

function sample(api, media) {
  const value = example(api, media);
  return element("pre", {}, typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

// Paragraphs, and `code` between backticks.
function prose(text, tag = "div") {
  const paragraphs = text.trim().split(/\n\s*\n/);
  const lines = paragraphs.map((paragraph) => {
    const pieces = paragraph.split("`").map((piece, index) => (index % 2 ? element("code", {}, piece) : piece));
    return element("p", {}, ...pieces);
  });
  return element(tag, {}, ...lines);
}

function heading(words) {
  return element("h3", {}, words);
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// The address may name an operation: /docs#<operation id>.
function openNamed() {
  const named = document.getElementById(location.hash.slice(1));
  if (!named) return;
  named.open = true;
  named.scrollIntoView();
}
