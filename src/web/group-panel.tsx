import type { JSX } from 'preact';
import type { ChatStore } from './chat-store.ts';
import type { Member } from './group-book.ts';
import { LineForm } from './line-form.tsx';

/** Who is in a group, and what its members may do to it. */
export function GroupPanel(props: {
  readonly store: ChatStore;
  readonly conversationId: string;
}): JSX.Element {
  const { store, conversationId } = props;
  const { groups, userId } = store;
  const members = groups.membersOf(conversationId);
  const mayManage = members.some((member) => member.userId === userId && member.role !== 'member');
  return (
    <aside class="group-panel" aria-label="Members">
      <ul>
        {members.map((member) => (
          <MemberRow
            key={member.userId}
            member={member}
            onRemove={
              mayManage && member.role !== 'owner' && member.userId !== userId
                ? () => groups.remove(conversationId, member.userId)
                : undefined
            }
          />
        ))}
      </ul>
      {mayManage && (
        <>
          <LineForm
            label="Add user id"
            button="Add"
            onSubmit={(added) => groups.add(conversationId, added)}
          />
          <LineForm
            label="New name"
            button="Rename"
            onSubmit={(name) => groups.rename(conversationId, name)}
          />
        </>
      )}
      {store.problem !== undefined && (
        <p class="problem" role="alert">
          {store.problem}
        </p>
      )}
      <button type="button" class="quiet" onClick={() => groups.leave(conversationId)}>
        Leave group
      </button>
    </aside>
  );
}

function MemberRow(props: {
  readonly member: Member;
  readonly onRemove: (() => void) | undefined;
}): JSX.Element {
  const { member, onRemove } = props;
  return (
    <li>
      <span dir="auto">{member.name}</span> <small>{member.userId}</small>
      {member.role !== 'member' && <small class="role"> {member.role}</small>}
      {onRemove !== undefined && (
        <button type="button" class="link" aria-label={`Remove ${member.name}`} onClick={onRemove}>
          Remove
        </button>
      )}
    </li>
  );
}
