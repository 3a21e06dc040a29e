import { applyGroupDraft } from '../group/apply-group-draft.ts';
import {
  groupRowRanges,
  queryGroup,
  stepGroup,
  type GroupAnswer,
  type GroupQuery,
} from '../group/group-behaviour.ts';
import { GroupDraft } from '../group/group-draft.ts';
import type { GroupInput, GroupResult } from '../group/group-input.ts';
import type { GroupLimits, GroupState } from '../group/group-state.ts';
import { restoreGroup } from '../group/restore-group.ts';
import { snapshotGroup } from '../group/warm-group.ts';
import type { Behaviour } from './behaviour.ts';

export interface GroupTypes {
  state: GroupState;
  draft: GroupDraft;
  input: GroupInput;
  result: GroupResult;
  query: GroupQuery;
  answer: GroupAnswer;
  effects: null;
}

/** The group's pure rooms in the shape that the actor shell runs. */
export function groupBehaviour(limits: GroupLimits): Behaviour<GroupTypes> {
  const headRanges = groupRowRanges();
  return {
    headRanges,
    restore: (groupId, image) => restoreGroup(groupId, image, headRanges),
    draft: (state, wallMs) => new GroupDraft(state, wallMs),
    step: (draft, input, loaded) => stepGroup(draft, input, loaded, limits),
    apply: (state, draft, version) => {
      applyGroupDraft(state, draft, version);
      return null;
    },
    query: (state, query, loaded) => queryGroup(state, query, loaded, limits),
    snapshot: snapshotGroup,
    // Members take turns; what one of them sends keeps its order (G3).
    lane: (input) => ('from' in input ? input.from : ''),
  };
}
