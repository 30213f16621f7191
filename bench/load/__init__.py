"""What serving.py and soak.py share: pictures to send, servers to start, load to put on them."""
