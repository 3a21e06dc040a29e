import Type from 'typebox';

/*
 * What the lines of the table of settings can look like.
 */

/** A whole number between bounds; its unit is in its name. */
export const amount = (
  fallback: number,
  minimum: number,
  maximum: number,
  description: string,
): Type.TInteger => Type.Integer({ default: fallback, minimum, maximum, description });
/** A text of a shape; `title` says in words what the pattern accepts. */
export const text = (fallback: string, title: string, pattern: RegExp, description: string): Type.TString =>
  Type.String({ default: fallback, title, pattern: pattern.source, description });
export const optionalText = (
  title: string,
  pattern: RegExp,
  description: string,
): Type.TOptional<Type.TString> =>
  Type.Optional(Type.String({ title, pattern: pattern.source, description }));
export const group = <const T extends Type.TProperties>(
  description: string,
  properties: T,
): Type.TObject<T> => Type.Object(properties, { description, additionalProperties: false });

const port = String.raw`(\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])`;
export const hostAndPort = new RegExp(String.raw`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):${port}$`);
export const anyPath = /^[^\0]+$/;
export const optionalPath = (description: string): Type.TOptional<Type.TString> =>
  optionalText('a path', anyPath, description);
export const address = (fallback: string, description: string): Type.TString =>
  text(fallback, 'host:port', hostAndPort, description);
