#!/usr/bin/env python3
"""Many URLs at once are fetched, each as it should be, from a server that is started here: check_fetch.py PROGRAM"""
import http.server
import socket
import subprocess
import sys
import threading

COUNT = 100


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'  # connections are used again
    together = threading.Barrier(4, timeout=60)  # answers that come only once four have asked

    def do_GET(self):
        number = int(self.path.rsplit('/', 1)[1])
        if self.path.startswith('/together/'):
            self.together.wait()
        if self.path.startswith('/cut/'):  # promises more than it says
            self.send_response(200)
            self.send_header('Content-Length', '1000')
            self.end_headers()
            self.wfile.write(b'x')
            self.close_connection = True
            return
        body = b'x' * (number * 10_000)
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def main():
    server = Server(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = f'http://127.0.0.1:{server.server_address[1]}'
    with socket.socket() as bound:  # nobody listens
        bound.bind(('127.0.0.1', 0))
        refused = f'http://127.0.0.1:{bound.getsockname()[1]}/'
        expected = {f'{at}/sized/{n}': f'status 200, {n * 10_000} bytes' for n in range(COUNT)}
        expected.update({f'{at}/together/{n}': f'status 200, {n * 10_000} bytes' for n in range(4)})
        expected[f'{at}/cut/0'] = 'Transferred a partial file'
        expected[refused] = "Couldn't connect to server"
        expected['tea://127.0.0.1/'] = 'Unsupported protocol'
        run = subprocess.run([sys.argv[1], *expected], capture_output=True, text=True, check=False, timeout=300)
    server.shutdown()
    said = sorted(run.stdout.splitlines())
    wanted = sorted(f'{url}: {what}' for url, what in expected.items())
    faults = [f'missing: {line}' for line in wanted if line not in said]
    faults += [f'not expected: {line}' for line in said if line not in wanted]
    if len(said) != len(wanted):
        faults.append(f'{len(said)} lines instead of {len(wanted)}')
    if run.returncode or run.stderr:
        faults.append(f'it ended with {run.returncode}, and said on stderr: {run.stderr}')
    print('\n'.join(faults) or f'{len(said)} answers')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
