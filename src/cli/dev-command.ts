import { Command, InvalidArgumentError } from 'commander';
import { ConfigError } from '../config/config-error.ts';
import { loadSettings } from '../config/load-settings.ts';
import { developmentPreset } from '../config/presets.ts';
import { startNode } from '../node.ts';
import { runUntilSignal } from './run-until-signal.ts';
import { usageExitCode } from './setting-options.ts';

interface DevFlags {
  readonly nodes: number;
  readonly port: number;
  readonly data: string;
}

/** Operations of node i are at port + 100 + i. */
const opsOffset = 100;
const portMax = 65_535 - opsOffset;

const wholeNumber = (minimum: number, maximum: number) => (value: string) => {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || value.trim() === '' || number < minimum || number > maximum) {
    throw new InvalidArgumentError(`a whole number from ${minimum} to ${maximum} is expected.`);
  }
  return number;
};

/** `mailring dev`, also `npm start`: a development node on the embedded store; nothing else has to run. */
export function devCommand(): Command {
  const command = new Command('dev')
    .description(
      'run Mailring on this machine on the embedded store, with the web client at http://127.0.0.1:7400/',
    )
    .option('--nodes <n>', 'nodes to run (only 1 so far: the ring is not there yet)', wholeNumber(1, 1), 1)
    .option(
      '--port <port>',
      'clients connect here, operations are at port + 100',
      wholeNumber(1, portMax),
      7400,
    )
    .option('--data <dir>', 'where messages and keys are kept', '.data')
    .action(async ({ port, data }: DevFlags) => {
      try {
        const settings = loadSettings({
          preset: {
            ...developmentPreset,
            id: 'n1',
            listen: `127.0.0.1:${port}`,
            ops: `127.0.0.1:${port + opsOffset}`,
            data,
          },
          env: process.env,
        });
        await runUntilSignal(async () => [await startNode(settings)]);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        command.error(`error: ${error.message}`, { exitCode: usageExitCode });
      }
    });
  return command;
}
