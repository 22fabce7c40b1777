# Carries Ethernet frames between two network devices, late and with losses: what netem does, for kernels that
# were built without it. In Python because Node has no packet sockets. Arguments: device, device, delay in ms, loss in per cent, seed. Says "ready" when it runs.

import heapq
import random
import select
import socket
import sys
import time

PACKET_VNET_HDR = 15  # frames come with what the kernel left undone: checksums, segments
PACKET_OUTGOING = 4
ETH_P_ALL = 3

names, (delay_ms, loss_percent, seed) = sys.argv[1:3], map(float, sys.argv[3:6])
chance = random.Random(seed)


def open_device(name):
    device = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    device.setsockopt(263, PACKET_VNET_HDR, 1)
    device.bind((name, ETH_P_ALL))
    device.setblocking(False)
    return device


devices = [open_device(name) for name in names]
queue = []
count = 0
print("ready", flush=True)
while True:
    wait = max(0.0, queue[0][0] - time.monotonic()) if queue else None
    readable, _, _ = select.select(devices, [], [], wait)
    for device in readable:
        try:
            frame, address = device.recvfrom(70_000)
        except OSError:
            continue  # the device is down: that is a cut
        if address[2] == PACKET_OUTGOING or chance.random() * 100 < loss_percent:
            continue
        count += 1
        other = devices[1 - devices.index(device)]
        heapq.heappush(queue, (time.monotonic() + delay_ms / 1000, count, other, frame))
    while queue and queue[0][0] <= time.monotonic():
        _, _, device, frame = heapq.heappop(queue)
        try:
            device.send(frame)
        except OSError:
            pass
