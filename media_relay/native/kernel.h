/* What the kernel and Python share: read by the compiler and, as it stands, by cffi (media_relay/seams/kernel.py).
 * Only declarations here, no directives. */

enum {
    TT_BATCH = 128, TT_SLOT = 1472, TT_ROOM = 18,
    TT_NAME = 28, TT_NAME_SLOT = 32, TT_SOURCE = 40,
    TT_SEGMENT_SPACE = 24, TT_CONTROL_SPACE = 64,
    TT_INBOX_SLOT = 2048, TT_INBOX_CONTROL = 128, TT_BLOCK = 64, TT_CANONICAL = 80
};

/* Where to send: a socket address, and the control message that names our address to send from, if there is one. */
typedef struct {
    uint8_t name[28];
    uint32_t length;
    uint32_t source_length;
    uint8_t source[40];
} tt_address;

/* What one group of subscribers negotiated: core/forwarding.py, WireFormat. */
typedef struct {
    uint8_t payload_types[128];
    uint8_t extensions[16];
    int32_t tag;
    int32_t transport;
} tt_wire;

typedef struct { int32_t offset, length; } tt_packet;
typedef struct { int32_t offset, size, segment; } tt_message;

/* One rendered batch: core/forwarding.py, Layout; `bytes` holds the packets, each with room for its tag. */
typedef struct {
    int32_t packets, messages, size;
    uint32_t ssrc;
    tt_packet packet[128];
    tt_message message[128];
    uint16_t number[128];
    uint8_t bytes[190720];
} tt_batch;

/* The queue of outgoing messages: seams/datagrams.py, Sender. */
typedef struct {
    uint8_t *memory;
    int64_t size, used;
    mmsghdr_t *messages;
    iovec_t *vectors;
    uint8_t *controls;
    uint8_t *names;
    int32_t capacity, count;
} tt_queue;

/* For whom: libsrtp's contexts, addresses (NULL: over a connection, which Python writes to), first transport-wide
 * numbers; and what became of each: where its copy lies in the queue's memory, or -1 where libsrtp refused. How many
 * were refused, and how many are reached over connections. */
typedef struct {
    void **context;
    tt_address **address;
    int64_t first[128];
    int64_t base[128];
    int32_t refused, connected;
} tt_targets;

/* Received datagrams: seams/datagrams.py, Receiver. */
typedef struct {
    uint8_t *slots;
    uint8_t *names;
    uint8_t *controls;
    mmsghdr_t *messages;
    int32_t batch;
} tt_inbox;

/* One source of a publisher: what its packets look like (core/blocks.py, Pattern) and where they are stored; where they
 * come from and under which keys, how many more its publisher may send, and what comes next: its number on the way in and
 * on the way out (-1: each packet has to be looked at), and how the timestamps differ. */
typedef struct tt_source {
    uint32_t ssrc, outgoing_ssrc;
    int32_t payload_type, codec, tag;
    int32_t block, number_at, level_at;
    int32_t canonical, canonical_level;
    uint8_t mask[64], fixed[64], canonical_block[80];
    uint8_t *stored;
    uint16_t *lengths;
    int64_t *sequences;
    int32_t slots;
    int32_t index;
    uint8_t name[28];
    void *context;
    int32_t *left;
    int64_t outgoing;
    uint32_t next, timestamp_offset;
    struct tt_source *chain;
} tt_source;

/* Sources by name and SSRC: chains behind `mask` + 1 buckets. `salt` is odd, and nobody's business. */
typedef struct {
    tt_source **bucket;
    uint64_t salt;
    uint32_t mask;
} tt_known;

/* A run: packets of one source that came one after the other, in order. `begin`: where in the story they begin.
 * `frames`: how often the timestamp changed, and one. `starts`: how many may be the first of a frame, by their payload. */
typedef struct { int32_t source, begin, taken, frames, payload, received, starts, reserved; } tt_run;

/* What was taken of a batch: runs, and of each packet the transport-wide number, the audio level, the timestamp as it
 * came, and when it came. `refused`: libsrtp refused the packet after the last one. */
typedef struct {
    int32_t runs, refused;
    tt_run run[128];
    uint16_t number[128];
    uint8_t level[128];
    uint32_t timestamp[128];
    double arrival[128];
} tt_story;

/* The sizes of the structures above, in this order: Python compares them with its own before it uses anything. */
void tt_sizes(int32_t sizes[12]);

/* Puts a source into its bucket, or takes it out again. */
void tt_follow(tt_known *known, tt_source *source);
void tt_drop(tt_known *known, tt_source *source);

/* Writes the packets of `slots` in wire form to `out`. 0, or -1 for what cannot be laid out, and is left to
 * Python. */
int tt_render(const uint8_t *stored, const uint16_t *lengths, int32_t history, const int32_t *slots, int32_t count,
              const tt_wire *wire, int32_t max_segments, tt_batch *out);

/* Copies, numbers (if `transport`), protects by libsrtp's srtp_protect and queues a batch for the targets from `begin`
 * to `end`. Returns the first target that there was no room for, or `end`. */
int tt_copy(const tt_batch *batch, tt_queue *queue, tt_targets *targets, int32_t begin, int32_t end,
            int32_t transport, int32_t tag, void *protect);

/* Both, one after the other, for all of the first `end` targets: a packet of sound for one or two is less work than the
 * calls around it. -1 as tt_render, else as tt_copy. */
int tt_forward(const uint8_t *stored, const uint16_t *lengths, int32_t history, const int32_t *slots, int32_t count,
               const tt_wire *wire, int32_t max_segments, tt_batch *batch, tt_queue *queue, tt_targets *targets,
               int32_t end, void *protect);

/* Opens and stores the datagrams from `begin` on that are the next packets of known sources; returns how many it dealt
 * with, a last one that libsrtp refused included. It ends before the first one that is not as expected, which is left as it
 * came. */
int tt_take(const tt_inbox *inbox, int32_t begin, int32_t end, const tt_known *known, void *unprotect, double now,
            tt_story *story);
