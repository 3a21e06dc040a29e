"""The chat script in Python, on jsonrpc-websocket as it comes: two people, one node's address, exit code 0 or not."""

import asyncio
import json
import sys
import time
import urllib.request

from jsonrpc_base.jsonrpc import ProtocolError
from jsonrpc_websocket import Server

HTTP_URL, PREFIX = sys.argv[1], sys.argv[2]
TIMEOUT_SECONDS = 10


def register(user_id):
    body = json.dumps({'userId': user_id, 'name': user_id, 'password': 'pw'}).encode()
    request = urllib.request.Request(HTTP_URL + '/v1/users', data=body, method='POST')
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        return json.load(answer)['token']


def refused(error):
    """Code and kind; the library shows the whole reply."""
    code, _message, reply = error.args
    return code, reply['error']['data']


class Device:
    def __init__(self, user_id):
        self.user_id = user_id
        self.token = register(user_id)
        self.changes = []
        self.server = None

    async def open(self):
        url = HTTP_URL.replace('http', 'ws') + '/v1/ws'
        for _move in range(5):
            self.server = Server(url, timeout=TIMEOUT_SECONDS, protocols=['mailring.v1.json'])
            self.server.change = self.hear
            await self.server.ws_connect()
            try:
                return await self.server.session.open(token=self.token, deviceId='d1')
            except ProtocolError as error:
                code, data = refused(error)
                assert (code, data['kind']) == (-32005, 'moved'), error
                await self.server.close()
                url = data['url']
        raise AssertionError('sent from node to node without an end')

    def hear(self, **change):
        self.changes.append(change)

    async def heard(self, fits):
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not any(fits(change) for change in self.changes):
            assert time.monotonic() < deadline, f'{self.user_id} has heard {self.changes}'
            await asyncio.sleep(0.02)

    def message_id(self, suffix):
        return f'{int(time.time() * 1000)}.{self.user_id}.d1.{suffix}'


async def expect_refusal(call, code, kind):
    try:
        await call
    except ProtocolError as error:
        found_code, data = refused(error)
        assert (found_code, data['kind']) == (code, kind), error
    else:
        raise AssertionError(f'{kind} expected')


async def chat():
    ann, bob = Device(PREFIX + '-ann'), Device(PREFIX + '-bob')
    for device in (ann, bob):
        opened = await device.open()
        assert opened['userId'] == device.user_id, opened

    hello = {'to': bob.user_id, 'text': 'Grüße 👋', 'messageId': ann.message_id('hello')}
    sent = await ann.server.sendMessage(**hello)
    assert sent['duplicate'] is False, sent
    again = await ann.server.sendMessage(**hello)
    assert again == {**sent, 'duplicate': True}, again
    conversation, seq = sent['conversationId'], sent['seq']
    await bob.heard(lambda change: change['kind'] == 'message' and change['message']['text'] == hello['text'])

    await bob.server.sendMessage(conversationId=conversation, text='hi', messageId=bob.message_id('answer'))
    marked = await bob.server.markRead(conversationId=conversation, seq=seq)
    assert marked == {'seq': seq, 'unread': 0}, marked
    await ann.heard(lambda change: change['kind'] == 'receipt' and change['readSeq'] == seq)
    page = await bob.server.getMessages(conversationId=conversation, limit=10)
    assert [message['text'] for message in page['messages']] == ['hi', hello['text']], page

    await expect_refusal(ann.server.getProfile(userId='nobody'), -32003, 'not_found')
    await expect_refusal(ann.server.getEverything(), -32601, 'method_not_found')
    for device in (ann, bob):
        await device.server.close()


asyncio.run(chat())
print('chat done')
