import { accessSync, constants, statSync } from 'node:fs';
import { ConfigError } from '../config/config-error.ts';
import type { Settings } from '../config/settings.ts';

/**
 * Throws ConfigError that names the settings whose files can't be read; those of `peerTls` are checked where they are
 * read. Nothing is read here: what is named may be a pipe, which gives its content once.
 */
export function checkSettingFiles(settings: Settings): void {
  const paths = {
    clusterSecretFile: settings.clusterSecretFile,
    operatorTokenFile: settings.operatorTokenFile,
    'auth.signingKeyFile': settings.auth.signingKeyFile,
    'push.secretFile': settings.push.secretFile,
  };
  const problems = Object.entries(paths).flatMap(([setting, path]) => {
    const obstacle = path === undefined ? undefined : obstacleTo(path);
    return obstacle === undefined ? [] : [`${setting}: ${path} cannot be read (${obstacle})`];
  });
  if (problems.length > 0) throw new ConfigError(problems);
}

function obstacleTo(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isDirectory() ? 'it is a folder' : undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}
