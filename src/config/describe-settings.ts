import { settingsTable } from './setting.ts';

const lineWidth = 100;

/** Breaks a text into lines that start with `indent`. */
function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    if (line !== indent && line.length + word.length >= lineWidth) {
      lines.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  return [...lines, line];
}

/** All settings as text for `--help`: flags, what they expect, default and meaning. */
export function describeSettings(): string {
  return settingsTable
    .flatMap(({ flags, expects, fallback, description }) => [
      `  ${flags.map((flag) => `--${flag}`).join(', ')}`,
      ...wrap(description, '      '),
      ...wrap(`${expects}${fallback === undefined ? '' : `; default ${fallback}`}`, '      '),
    ])
    .join('\n');
}
