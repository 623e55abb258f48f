"""The application: says what it finds in the database, answers its health check, and stops when it is told to."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import psycopg


class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = HTTPServer(("", int(os.environ.get("PORT", "8080"))), Health)
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    print(f"application: listening on {server.server_port}, revision {revision}", flush=True)
    server.serve_forever()


main()
