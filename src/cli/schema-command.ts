import { Command, InvalidArgumentError } from 'commander';
import { withSchema, type Schema } from '../node.ts';
import { addSettingOptions, settingsOf } from './setting-options.ts';

/** HBase may just be starting; its tables may take a while, too. */
const waitDefaultSeconds = 30;
const waitMaxSeconds = 3_600;

function waitSeconds(value: string): number {
  const seconds = Number(value);
  if (value.trim() !== '' && seconds > 0 && seconds <= waitMaxSeconds) return seconds;
  throw new InvalidArgumentError(`a number of seconds up to ${waitMaxSeconds} is expected.`);
}

/** `mailring schema apply|show`: the tables of an HBase. */
export function schemaCommand(): Command {
  const command = new Command('schema').description('make, migrate or show the tables in HBase');
  const sub = (name: string, description: string, act: (schema: Schema) => Promise<string>): void => {
    const child = new Command(name)
      .description(description)
      .option('--wait <seconds>', 'how long HBase may take', waitSeconds, waitDefaultSeconds);
    command.addCommand(
      addSettingOptions(child).action(async ({ wait }: { wait: number }) => {
        const settings = settingsOf(child, { store: { kind: 'hbase' } });
        try {
          process.stdout.write(`${await withSchema(settings, act, wait * 1_000)}\n`);
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
