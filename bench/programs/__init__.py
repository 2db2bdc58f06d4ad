"""The programs that `make bench` compares with the relay: two floors and a peer. bench/builds.py packs each."""
