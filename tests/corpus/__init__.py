"""Small Go services whose truth is known: leaky ones with a healthy twin, and healthy ones.

services/NAME/main.go is a program, services/NAME/label.json says what is true of its routes.
test_labels.py checks the labels by a counter that shares no code with pytest_echoleak;
test_corpus.py holds pytest_echoleak to the labels.
"""
