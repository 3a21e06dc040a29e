import { Command } from 'commander';
import { startNode } from '../node.ts';
import { runUntilSignal } from './run-until-signal.ts';
import { checkSettingFiles } from './setting-files.ts';
import { addSettingOptions, settingsOf } from './setting-options.ts';

/** `mailring node`: one node, until SIGTERM or Ctrl-C. */
export function nodeCommand(): Command {
  const command = new Command('node').description('run one node of a cluster');
  return addSettingOptions(command).action(async () => {
    const settings = settingsOf(command);
    await runUntilSignal(async () => {
      checkSettingFiles(settings);
      return [await startNode(settings)];
    });
  });
}
