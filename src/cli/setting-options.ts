import { Option, type Command } from 'commander';
import { ConfigError } from '../config/config-error.ts';
import { describeSettings } from '../config/describe-settings.ts';
import { loadSettings } from '../config/load-settings.ts';
import { settingsTable } from '../config/setting.ts';
import type { Settings, SettingsOverride } from '../config/settings.ts';

/** Exit code of a command that was called in a wrong way. */
export const usageExitCode = 2;

/** A command may have options of its own beside these. */
const settingOptions = new Map(
  settingsTable
    .flatMap(({ flags, description }) => flags.map((flag) => new Option(`--${flag} <value>`, description)))
    .map((option) => [option.attributeName(), option.hideHelp()]),
);

/** Adds every setting as an option, and their table to the help. */
export function addSettingOptions(command: Command): Command {
  command.option('--config <file>', 'settings from a JSON file; variables and flags win over it');
  // Two names of one setting are two options here; giving both is refused where settings are loaded.
  for (const option of settingOptions.values()) command.addOption(option);
  return command.addHelpText(
    'after',
    `\nSettings (also as MAILRING_… variables and in the file of --config; flags win over variables):\n${describeSettings()}`,
  );
}

/** The settings that a command was given; ends the command with usage exit code where they are wrong. */
export function settingsOf(command: Command, preset?: SettingsOverride): Settings {
  const { config, ...options } = command.opts<Record<string, string>>();
  const flags = Object.fromEntries(Object.entries(options).filter(([name]) => settingOptions.has(name)));
  try {
    return loadSettings({
      flags,
      env: process.env,
      ...(preset && { preset }),
      ...(config !== undefined && { file: config }),
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return command.error(`error: ${error.message}`, { exitCode: usageExitCode });
  }
}
