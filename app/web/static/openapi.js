// What a person wants to know of an OpenAPI document: fields with their types, examples. Pure; docs.js shows it.

export function resolve(document, schema) {
  if (!schema?.$ref) return schema ?? {};
  return schema.$ref.slice(2).split("/").reduce((place, name) => place[name], document);
}

// A type in a few words: "string (uuid)", "list of Role", "integer or null".
export function typeName(document, schema) {
  const shape = resolve(document, schema);
  const choices = shape.anyOf ?? shape.oneOf;
  if (choices) return choices.map((choice) => typeName(document, choice)).join(" or ");
  if (shape.enum) return shape.enum.join(" | ");
  if (shape.const !== undefined) return String(shape.const);
  if (shape.type === "array") return `list of ${typeName(document, shape.items)}`;
  if (shape.type === "object" || shape.properties) return shape.title ?? "object";
  return shape.format ? `${shape.type} (${shape.format})` : (shape.type ?? "anything");
}

export function fields(document, schema) {
  const { properties = {}, required = [] } = resolve(document, schema);
  return Object.entries(properties).map(([name, field]) => ({
    name,
    type: typeName(document, field),
    required: required.includes(name),
    text: field.description ?? resolve(document, field).description ?? "",
  }));
}

// The example the document gives, or one made of its parts.
export function example(document, media, depth = 0) {
  const { schema } = media;
  const named = Object.values(media.examples ?? {})[0];
  if (named && "value" in named) return named.value;
  return media.example ?? fromSchema(document, schema, depth);
}

function fromSchema(document, schema, depth) {
  const shape = resolve(document, schema);
  const given = shape.example ?? shape.examples?.[0] ?? shape.default ?? shape.const ?? shape.enum?.[0];
  if (given !== undefined) return given;
  const choices = shape.anyOf ?? shape.oneOf ?? shape.allOf;
  if (choices) return fromSchema(document, choices[0], depth);
  if (depth > 4) return null;
  if (shape.properties) {
    const parts = Object.entries(shape.properties);
    return Object.fromEntries(parts.map(([name, part]) => [name, fromSchema(document, part, depth + 1)]));
  }
  if (shape.type === "array") return [fromSchema(document, shape.items, depth + 1)];
  const plain = { string: shape.format ?? "text", integer: 1, number: 1, boolean: true, object: {} };
  return plain[shape.type] ?? null;
}
