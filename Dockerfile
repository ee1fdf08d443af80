# The server with its relay nodes in one container. The data folder holds the database (unless
# TONGTANG_DATABASE_URL names another one) and the secrets: mount it.
#
#   docker build -t tongtang .
#   docker run -p 8000:8000 -p 8189:8189/udp -p 8189:8189/tcp -v tongtang:/data -e TONGTANG_MEDIA_ADDRESSES=<address> tongtang

FROM python:3.11-slim-bookworm AS build
WORKDIR /srv
RUN python -m venv /srv/venv
COPY requirements.lock .
RUN /srv/venv/bin/python -m pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY app app
COPY media_relay media_relay
# The relay's native kernel; without a compiler it would forward in Python, for more processor time.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/* \
    && /srv/venv/bin/python -m media_relay.native && ls media_relay/native/built/*.so
RUN /srv/venv/bin/python -m compileall -q app media_relay

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin tongtang \
    && install -d -o tongtang -g tongtang -m 0700 /data
WORKDIR /srv
COPY --from=build /srv/venv venv
COPY --from=build /srv/app app
COPY --from=build /srv/media_relay media_relay
COPY alembic.ini .
COPY migrations migrations
ENV PATH=/srv/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TONGTANG_DATA_DIR=/data \
    TONGTANG_HTTP_HOST=0.0.0.0 \
    TONGTANG_LOG_FORMAT=json
USER tongtang
VOLUME /data
EXPOSE 8000/tcp 8189/udp 8189/tcp
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('TONGTANG_HTTP_PORT', '8000') + '/readyz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "app"]
CMD ["run"]
