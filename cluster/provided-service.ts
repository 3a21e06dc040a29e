/** A service that somebody lent us: where it is, and how to give it back. */
export interface ProvidedService<Address> {
  readonly address: Address;
  readonly release: () => Promise<void>;
}

/** One way to come by a service. */
export interface ServiceSource<Address> {
  readonly name: string;
  readonly provide: () => Promise<ProvidedService<Address>>;
}

/** Takes the first source that works. Each failure is reported; when all fail, the error tells all of them. */
export async function provideFirst<Address>(
  service: string,
  sources: readonly ServiceSource<Address>[],
  onProgress: (line: string) => void,
): Promise<ProvidedService<Address>> {
  const failures: string[] = [];
  for (const { name, provide } of sources) {
    onProgress(`${service}: starting ${name}`);
    try {
      return await provide();
    } catch (error) {
      const failure = `${name}: ${error instanceof Error ? error.message : String(error)}`;
      onProgress(`${service}: ${failure}`);
      failures.push(failure);
    }
  }
  throw new Error(`no ${service} to test with.\n${failures.join('\n')}`);
}
