"""``make meterbench``: requests by the thousand, clients that leave, proxies that are killed and a database that
is away; and whether the usage records say what came from the engine all the same.

Two proxies share a state folder. In each plays a scripted engine, which notes what it gives for every request in a
file that it shares with the benchmark and that survives the proxy (``slots.py``). What it gave is what the proxy
received: between the two there is nothing but a generator.
"""
