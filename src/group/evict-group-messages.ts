import { forgetGroupMessages, type GroupState } from './group-state.ts';

/**
 * Drops messages from memory; they stay in the store. Step 0: what is older than `recentSince` (epoch ms); step 1: all
 * but the last one. @returns false where nothing is left to drop, so that the group itself is next
 */
export function evictGroupMessages(state: GroupState, step: number, recentSince: number): boolean {
  if (step > 1) return false;
  const recent = state.messages.find(({ timestamp }) => timestamp >= recentSince);
  const oldest = recent?.seq ?? Infinity;
  return forgetGroupMessages(state, step === 0 ? oldest - 1 : Infinity) || step === 0;
}
