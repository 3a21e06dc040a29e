import { parsers } from 'prettier/plugins/yaml';

export type Yaml = string | number | boolean | null | readonly Yaml[] | YamlMap;
export interface YamlMap {
  readonly [key: string]: Yaml;
}

/** What we use of Prettier's syntax tree. */
interface SyntaxNode {
  readonly type: string;
  readonly value?: string;
  readonly anchor?: { readonly value: string } | null;
  readonly children?: readonly (SyntaxNode | null)[];
}

/**
 * The value of a YAML text, by the parser that Prettier brings; plain scalars by the core schema, merges (`<<`) of one
 * alias as compose files use them. Throws where the text is no YAML, or uses more than that.
 */
export function parseYaml(text: string): Yaml {
  const root = parsers.yaml.parse(text, { originalText: text } as never) as SyntaxNode;
  const documents = childrenOf(root);
  const body = childrenOf(documents[0]).find((node) => node?.type === 'documentBody');
  if (documents.length !== 1) throw new Error('one document is expected');
  return valueOf(childrenOf(body)[0] ?? null, new Map());
}

const childrenOf = (node: SyntaxNode | null | undefined): readonly (SyntaxNode | null)[] =>
  node?.children ?? [];

function valueOf(node: SyntaxNode | null, anchors: Map<string, Yaml>): Yaml {
  if (node === null) return null;
  const value = contentOf(node, anchors);
  if (node.anchor) anchors.set(node.anchor.value, value);
  return value;
}

function contentOf(node: SyntaxNode, anchors: Map<string, Yaml>): Yaml {
  switch (node.type) {
    case 'mapping':
    case 'flowMapping':
      return mapOf(node, anchors);
    case 'sequence':
    case 'flowSequence':
      return childrenOf(node).map((item) => valueOf(childrenOf(item)[0] ?? null, anchors));
    case 'plain':
      return plainValue(node.value ?? '');
    case 'quoteSingle':
    case 'quoteDouble':
    case 'blockLiteral':
      return node.value ?? '';
    case 'alias': {
      const value = anchors.get(node.value ?? '');
      if (value === undefined) throw new Error(`no anchor ${node.value ?? ''}`);
      return value;
    }
    default:
      throw new Error(`YAML of the kind ${node.type} is not read here`);
  }
}

function mapOf(node: SyntaxNode, anchors: Map<string, Yaml>): YamlMap {
  const map: Record<string, Yaml> = {};
  let merged: YamlMap = {};
  for (const item of childrenOf(node)) {
    const [keyNode, valueNode] = childrenOf(item).map((part) => childrenOf(part)[0] ?? null);
    const key = JSON.stringify(valueOf(keyNode ?? null, anchors)).replace(/^"(.*)"$/, '$1');
    const value = valueOf(valueNode ?? null, anchors);
    if (key === '<<') merged = value as YamlMap;
    else if (Object.hasOwn(map, key)) throw new Error(`${key} is there twice`);
    else map[key] = value;
  }
  return { ...merged, ...map };
}

function plainValue(text: string): Yaml {
  if (text === '' || text === '~' || text === 'null') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  return /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : text;
}
