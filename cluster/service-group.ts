import type { ServiceProcess } from './service-process.ts';

/** Several processes that are one service, each addressed by its name. */
export class ServiceGroup {
  readonly #processes = new Map<string, ServiceProcess>();

  /** The names that kill, pause, resume and restart take; empty before the first start. */
  get processNames(): string[] {
    return [...this.#processes.keys()];
  }

  /** The process id, or undefined while the process does not run. */
  pid(name: string): number | undefined {
    return this.process(name).pid;
  }

  /** Ends one process with a signal (SIGKILL unless told) and waits until it is gone. */
  async kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.process(name).kill(signal);
  }

  /** Suspends one process where it stands; its connections stay open. */
  pause(name: string): void {
    this.process(name).signal('SIGSTOP');
  }

  /** Lets a paused process go on. */
  resume(name: string): void {
    this.process(name).signal('SIGCONT');
  }

  /** Stops one process cleanly if it runs, starts it on its old ports, and waits until it is ready. */
  async restart(name: string): Promise<void> {
    const process = this.process(name);
    await process.stop();
    await process.start();
  }

  protected add(process: ServiceProcess): ServiceProcess {
    this.#processes.set(process.name, process);
    return process;
  }

  protected process(name: string): ServiceProcess {
    const process = this.#processes.get(name);
    if (process === undefined) {
      throw new Error(
        `no process "${name}" here, only ${this.processNames.join(', ') || 'none before start()'}`,
      );
    }
    return process;
  }
}
