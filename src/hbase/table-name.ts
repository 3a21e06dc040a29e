import type { ProtoReader } from './proto-reader.ts';
import type { ProtoWriter } from './proto-writer.ts';

/** Tables are named `table` (namespace `default`) or `namespace:table`. */
const defaultNamespace = 'default';

export function writeTableName(out: ProtoWriter, field: number, table: string): void {
  const colon = table.indexOf(':');
  const open = out.open(field);
  out.text(1, colon < 0 ? defaultNamespace : table.slice(0, colon));
  out.text(2, table.slice(colon + 1));
  out.close(open);
}

/** Reads the TableName that comes next. */
export function readTableName(reader: ProtoReader): string {
  let namespace = defaultNamespace;
  let qualifier = '';
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) namespace = reader.text();
    else if (tag >>> 3 === 2) qualifier = reader.text();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return canonicalTableName(`${namespace}:${qualifier}`);
}

/** `default:table` and `table` are one table. */
export function canonicalTableName(table: string): string {
  return table.startsWith(`${defaultNamespace}:`) ? table.slice(defaultNamespace.length + 1) : table;
}
