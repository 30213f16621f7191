"""The web application: python app.py [--host HOST] [--port PORT]."""

from mnist_classifier.cli import serve

if __name__ == "__main__":
    serve()
