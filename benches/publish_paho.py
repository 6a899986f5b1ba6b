"""Messages to an MQTT broker by Eclipse's paho-mqtt: QoS 1, as many in flight as Watchpost has.

publish_paho.py PORT MESSAGES PAYLOAD

Prints the messages per second, from the first that is handed over to the last that the broker has acknowledged.
"""

import sys
import threading
import time

import paho.mqtt.client as mqtt

# As crates/export/src/mqtt/window.rs; its own default of 20 is slower.
IN_FLIGHT = 1024
PATIENCE_S = 120


def main():
    port, messages, payload = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
    connected, done = threading.Event(), threading.Event()
    acknowledged = 0

    def on_publish(*_):
        nonlocal acknowledged
        acknowledged += 1
        if acknowledged == messages:
            done.set()

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="paho", protocol=mqtt.MQTTv5)
    client.on_connect = lambda *_: connected.set()
    client.on_publish = on_publish
    client.max_inflight_messages_set(IN_FLIGHT)
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", port)
    client.loop_start()
    if not connected.wait(PATIENCE_S):
        sys.exit("the broker did not answer")
    start = time.perf_counter()
    for _ in range(messages):
        client.publish("load", payload, qos=1)
    if not done.wait(PATIENCE_S):
        sys.exit("%d of %d were acknowledged" % (acknowledged, messages))
    print(messages / (time.perf_counter() - start))
    client.loop_stop()


if __name__ == "__main__":
    main()
