#!/usr/bin/python3
"""OpenStack Swift with its S3 interface in one process on loopback: account, container, object and proxy server.

usage: swift_s3.py FOLDER PORT BUCKET...    port 0 is any free one; the line "ready PORT" tells which
access key test:tester, secret testing; ends when its standard input does; the data stay in FOLDER
the line "empty" on standard input deletes what is in the buckets while it runs, and is answered with "emptied NUMBER"
"""
import os
import sys

from swift.common import utils

utils.eventlet_monkey_patch()
import eventlet
from eventlet import wsgi
from swift.common.ring import RingBuilder
from swift.common.swob import Request
from swift.common.wsgi import SwiftHttpProtocol, loadapp

folder, port, buckets = os.path.abspath(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
settings = folder + '/etc'
for path in (settings, folder + '/srv/d1'):
    os.makedirs(path, exist_ok=True)
utils.HASH_PATH_PREFIX = utils.HASH_PATH_SUFFIX = b'test'  # else it is read from /etc/swift

STORES = ('account', 'container', 'object')
# tempauth wants a memcache; that nothing listens there does not trouble it.
FILTERS = {
    'catch_errors': ('catch_errors', ''), 'gatekeeper': ('gatekeeper', ''), 'listing_formats': ('listing_formats', ''),
    'cache': ('memcache', 'memcache_servers = 127.0.0.1:9\n'), 's3api': ('s3api', 'location = us-east-1\n'),
    'tempauth': ('tempauth', 'user_test_tester = testing .admin\n'), 'bulk': ('bulk', ''), 'slo': ('slo', ''),
    'dlo': ('dlo', ''),
}
common = (f'[DEFAULT]\nswift_dir = {settings}\ndevices = {folder}/srv\nmount_check = false\n'
          'disable_fallocate = true\nlog_level = ERROR\n')


class Nowhere:
    def write(self, *_):
        pass

    def flush(self):
        pass


sockets = {name: eventlet.listen(('127.0.0.1', 0)) for name in STORES}
sockets['proxy'] = eventlet.listen(('127.0.0.1', port))
for name in STORES:
    ring, own = RingBuilder(2, 1, 0), sockets[name].getsockname()[1]
    ring.add_dev({'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': own, 'replication_ip': '127.0.0.1',
                  'replication_port': own, 'device': 'd1', 'weight': 1, 'meta': ''})
    ring.rebalance()
    ring.get_ring().save(f'{settings}/{name}.ring.gz')
    with open(f'{settings}/{name}.conf', 'w') as file:
        file.write(common + f'[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n')
with open(f'{settings}/proxy.conf', 'w') as file:
    file.write(common + f'[pipeline:main]\npipeline = {" ".join(FILTERS)} proxy-server\n'
               '[app:proxy-server]\nuse = egg:swift#proxy\n'
               'allow_account_management = true\naccount_autocreate = true\n')
    for name, (egg, more) in FILTERS.items():
        file.write(f'[filter:{name}]\nuse = egg:swift#{egg}\n{more}')

apps = {name: loadapp(f'{settings}/{name}.conf', global_conf={'log_name': name}) for name in sockets}
for name, socket in sockets.items():
    eventlet.spawn(wsgi.server, socket, apps[name], log=Nowhere(), log_output=False, protocol=SwiftHttpProtocol)


def ask(method, path, **query):
    environ = {'swift.authorize_override': True, 'swift.authorize': lambda request: None, 'REQUEST_METHOD': method,
               'QUERY_STRING': '&'.join(f'{name}={value}' for name, value in query.items())}
    request = Request.blank('/v1/AUTH_test/' + path, environ=environ)
    return eventlet.spawn(lambda: request.get_response(apps['proxy'])).wait()


for bucket in buckets:
    print('bucket', bucket, ask('PUT', bucket).status, flush=True)
print('ready', sockets['proxy'].getsockname()[1], flush=True)
while True:
    eventlet.hubs.trampoline(0, read=True)
    line = os.read(0, 100)
    if not line:
        break
    if line == b'empty\n':
        names = [bucket + '/' + name for bucket in buckets
                 for name in ask('GET', bucket, format='plain').body.decode().splitlines()]
        print('emptied', sum(ask('DELETE', name).status_int == 204 for name in names), flush=True)
