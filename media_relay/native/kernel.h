/* What the kernel and Python share: read by the compiler and, as it stands, by cffi (media_relay/seams/kernel.py).
 * Only declarations here, no directives. */

enum {
    TT_BATCH = 128, TT_SLOT = 1472, TT_ROOM = 18,
    TT_NAME = 28, TT_NAME_SLOT = 32, TT_SOURCE = 40,
    TT_SEGMENT_SPACE = 24, TT_CONTROL_SPACE = 64
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
    void *context[128];
    tt_address *address[128];
    int64_t first[128];
    int64_t base[128];
    int32_t refused, connected;
} tt_targets;

/* The sizes of the structures above, in this order: Python compares them with its own before it uses anything. */
void tt_sizes(int32_t sizes[7]);

/* Writes the packets of `slots` in wire form to `out`. 0, or -1 for what is left to Python: redundant sound. */
int tt_render(const uint8_t *stored, const uint16_t *lengths, int32_t history, const int32_t *slots, int32_t count,
              const tt_wire *wire, int32_t max_segments, tt_batch *out);

/* Copies, numbers (if `transport`), protects by libsrtp's srtp_protect and queues a batch for the targets from `begin`
 * to `end`. Returns the first target that there was no room for, or `end`. */
int tt_copy(const tt_batch *batch, tt_queue *queue, tt_targets *targets, int32_t begin, int32_t end,
            int32_t transport, int32_t tag, void *protect);
