/** Whether testcontainers finds a container runtime that answers. */
export async function hasDocker(): Promise<boolean> {
  const { getContainerRuntimeClient } = await import('testcontainers');
  try {
    await getContainerRuntimeClient();
    return true;
  } catch {
    return false; // Its only message is that there is none.
  }
}
