import { Command } from 'commander';
import { withSchema, type Schema } from '../node.ts';
import { addSettingOptions, settingsOf } from './setting-options.ts';

/** `mailring schema apply|show`: the tables of an HBase. */
export function schemaCommand(): Command {
  const command = new Command('schema').description('make, migrate or show the tables in HBase');
  const sub = (name: string, description: string, act: (schema: Schema) => Promise<string>): void => {
    const child = new Command(name).description(description);
    command.addCommand(
      addSettingOptions(child).action(async () => {
        const settings = settingsOf(child, { store: { kind: 'hbase' } });
        try {
          process.stdout.write(`${await withSchema(settings, act)}\n`);
        } catch (error) {
          process.stderr.write(
            `schema ${name} failed: ${error instanceof Error ? error.message : String(error)}\n`,
          );
          process.exitCode = 1;
        }
      }),
    );
  };
  sub('apply', 'make the tables or bring them up to date; running it again changes nothing', (schema) =>
    schema.apply(),
  );
  sub('show', 'show the tables as they are', (schema) => schema.show());
  return command;
}
