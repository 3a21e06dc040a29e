/*
 * What the board does inside Redis, each in one step. Keys: the ring's hash {epoch, document}, and a hash
 * {incarnation, count, epoch} a node, which expires by itself.
 */

/**
 * KEYS ring, lease; ARGV incarnation, adopted epoch, count, "1" where it is confirmed by the store, expiry in ms, channel.
 * Answers {1}, or {0, published epoch}.
 */
export const renewScript = `
local published = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
local adopted = tonumber(ARGV[2])
if adopted < published and ARGV[4] ~= '1' then return {0, published} end
if adopted ~= published then
  redis.call('HSET', KEYS[1], 'epoch', adopted)
  redis.call('HDEL', KEYS[1], 'document')
  redis.call('PUBLISH', ARGV[6], adopted)
end
redis.call('HSET', KEYS[2], 'incarnation', ARGV[1], 'epoch', adopted, 'count', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return {1}
`;

/** KEYS leases; answers {incarnation, count, epoch} for each, of nils where there is none. */
export const leasesScript = `
local leases = {}
for i, key in ipairs(KEYS) do
  leases[i] = redis.call('HMGET', key, 'incarnation', 'count', 'epoch')
end
return leases
`;

/** KEYS ring; ARGV epoch, document, channel. */
export const publishScript = `
local published = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if tonumber(ARGV[1]) < published then return 0 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'document', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[1])
return 1
`;
