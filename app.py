"""The web application: python app.py [--host HOST] [--port PORT]."""

from mnist_classifier.cli.serve import serve

if __name__ == "__main__":
    serve()
