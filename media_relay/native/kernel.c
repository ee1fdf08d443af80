/* The work that is the same for every packet. On the way in, as in core/track.py: open the packets of a source that come
 * as expected, and store them. On the way out, as in fanout.py and core/forwarding.py: lay a batch out, copy it for each
 * subscriber, number it, protect it in place and queue it. Python decides everything else: who, what, when.
 *
 * The same results byte for byte as the Python path, which tests/media_relay/test_kernel.py compares; there is no
 * allocation and no system call here, and no state but what Python keeps of each source. All indexes are checked against
 * the sizes of what they index. */

#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

typedef struct mmsghdr mmsghdr_t;
typedef struct iovec iovec_t;
#include "kernel.h"

/* srtp_protect and srtp_unprotect. */
typedef int (*protect_t)(void *context, void *packet, int *length);

enum { HEADER = 12, BLOCK = HEADER + 4, MARKER = 0x80, OPUS = 111, RED = 63, VP8 = 96 };
/* core/red.py: the headers of one redundant and the primary block, the flag of the first, its length. */
enum { RED_HEADERS = 5, RED_FOLLOWS = 0x80, RED_LENGTH = 0x3FF };
enum { TRANSPORT_ELEMENT = BLOCK + 1, TRANSPORT_NUMBER = BLOCK + 2, TRANSPORT_SIZE = 4 };
/* What an Ethernet frame carries over UDP and IPv6; most bytes of one message with segmentation offload. */
enum { MAX_SEGMENT = 1452, MAX_MESSAGE = 65000 };

void tt_sizes(int32_t sizes[12])
{
    const int32_t found[12] = {
        sizeof(mmsghdr_t), sizeof(iovec_t), sizeof(tt_address), sizeof(tt_wire), sizeof(tt_batch), sizeof(tt_queue),
        sizeof(tt_targets), sizeof(tt_inbox), sizeof(tt_source), sizeof(tt_known), sizeof(tt_run), sizeof(tt_story),
    };
    memcpy(sizes, found, sizeof found);
}

static uint32_t word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* core/packet.py, translate_extensions: the ids of a canonical packet's block; what was not negotiated is blanked. */
static void translate(uint8_t *packet, int32_t length, const tt_wire *wire)
{
    const int one_byte = packet[HEADER] == 0xBE;
    const int head = one_byte ? 1 : 2;
    int32_t stop = BLOCK + 4 * (packet[HEADER + 2] << 8 | packet[HEADER + 3]);
    int32_t at = BLOCK + TRANSPORT_SIZE;
    if (stop > length)
        stop = length;
    if (wire->transport) {
        packet[BLOCK] = one_byte ? packet[BLOCK] : wire->transport;
        packet[TRANSPORT_ELEMENT] = one_byte ? wire->transport << 4 | 1 : 2;
    }
    while (at + head <= stop) {
        if (packet[at] == 0) {
            at++;
            continue;
        }
        const int number = one_byte ? packet[at] >> 4 : packet[at];
        const int size = one_byte ? (packet[at] & 15) + 1 : packet[at + 1];
        const int target = number < 16 ? wire->extensions[number] : 0;
        if (at + head + size > stop)
            return;
        if (target)
            packet[at] = one_byte ? target << 4 | (size - 1) : target;
        else
            memset(packet + at, 0, head + size);
        at += head + size;
    }
}

/* core/forwarding.py, _messages: neighbours of equal size, the last of which may be shorter, are one message. */
static void join(tt_batch *batch, int32_t tag, int32_t max_segments)
{
    int32_t joined = 0, limit = 0;
    tt_message *message = batch->message - 1;
    for (int32_t i = 0; i < batch->packets; i++) {
        const int32_t size = batch->packet[i].length + tag;
        if (joined < limit && size <= message->segment && message->size + size <= MAX_MESSAGE) {
            message->size += size;
            joined++;
            if (size < message->segment)
                limit = 0; /* a shorter one is the last */
            continue;
        }
        if (joined == 1)
            message->segment = 0;
        message++;
        message->offset = batch->packet[i].offset;
        message->size = message->segment = size;
        joined = 1;
        limit = size <= MAX_SEGMENT ? max_segments : 1;
    }
    if (joined == 1)
        message->segment = 0;
    batch->messages = message - batch->message + 1;
}

/* core/forwarding.py, _render_red: sound with its repetition under the payload types of the subscriber, or without it.
   The length of the copy; -1 for what core/red.py did not pack. */
static int32_t copy_red(uint8_t *copy, const uint8_t *packet, int32_t length, const tt_wire *wire)
{
    const int sound = wire->payload_types[OPUS], redundant = wire->payload_types[RED];
    const int32_t at = BLOCK + 4 * (packet[HEADER + 2] << 8 | packet[HEADER + 3]);

    if (at + RED_HEADERS > length)
        return -1;
    const int32_t primary = at + RED_HEADERS + ((packet[at + 2] << 8 | packet[at + 3]) & RED_LENGTH);
    if (primary > length)
        return -1;
    if (redundant) {
        memcpy(copy, packet, length);
        copy[at] = RED_FOLLOWS | sound;
        copy[at + RED_HEADERS - 1] = sound;
    } else {
        memcpy(copy, packet, at);
        memcpy(copy + at, packet + primary, length - primary);
        length -= primary - at;
    }
    copy[1] = (packet[1] & MARKER) | (redundant ? redundant : sound);
    return length;
}

int tt_render(const uint8_t *stored, const uint16_t *lengths, int32_t history, const int32_t *slots, int32_t count,
              const tt_wire *wire, int32_t max_segments, tt_batch *out)
{
    int32_t position = 0, packets = 0;
    if (count > TT_BATCH || wire->tag < 0 || wire->tag > TT_ROOM)
        return -1;
    for (int32_t i = 0; i < count; i++) {
        const int32_t slot = slots[i];
        if (slot < 0 || slot >= history)
            return -1;
        const uint8_t *packet = stored + (int64_t)slot * TT_SLOT;
        int32_t length = lengths[slot];
        const int codec = packet[1] & 0x7F;
        if (length < BLOCK + TRANSPORT_SIZE || length > TT_SLOT)
            return -1;
        if (!wire->payload_types[codec == RED && !wire->payload_types[RED] ? OPUS : codec])
            continue; /* not negotiated */
        uint8_t *copy = out->bytes + position;
        if (codec == RED) {
            length = copy_red(copy, packet, length, wire);
            if (length < 0)
                return -1;
        } else {
            memcpy(copy, packet, length);
            copy[1] = (packet[1] & MARKER) | wire->payload_types[codec];
        }
        translate(copy, length, wire);
        out->packet[packets].offset = position;
        out->packet[packets].length = length;
        out->number[packets++] = packet[2] << 8 | packet[3];
        position += length + wire->tag;
    }
    out->packets = packets;
    out->messages = 0;
    out->size = position;
    out->ssrc = 0;
    if (packets) {
        out->ssrc = word(out->bytes + 8);
        join(out, wire->tag, max_segments);
    }
    return 0;
}

/* seams/datagrams.py, Sender.queue: one message of the queue's memory for an address. */
static void enqueue(tt_queue *queue, const tt_address *address, int64_t start, const tt_message *message)
{
    const int32_t index = queue->count++;
    struct msghdr *header = &queue->messages[index].msg_hdr;
    uint8_t *control = queue->controls + (int64_t)index * TT_CONTROL_SPACE;
    uint8_t *name = queue->names + (int64_t)index * TT_NAME_SLOT;
    const size_t source = address->source_length <= TT_SOURCE ? address->source_length : 0;

    queue->vectors[index].iov_base = queue->memory + start;
    queue->vectors[index].iov_len = message->size;
    /* The kernel reads the address at the flush, when the session it belongs to may be gone already. */
    memcpy(name, address->name, TT_NAME);
    header->msg_name = name;
    header->msg_namelen = address->length;
    header->msg_control = NULL;
    header->msg_controllen = 0;
    /* First the segment size, whose header is there already, then the address to send from. */
    if (message->segment) {
        const uint16_t segment = message->segment;
        memcpy(CMSG_DATA((struct cmsghdr *)control), &segment, sizeof segment);
        header->msg_control = control;
        header->msg_controllen = TT_SEGMENT_SPACE;
    }
    if (source) {
        memcpy(control + TT_SEGMENT_SPACE, address->source, source);
        if (!header->msg_control)
            header->msg_control = control + TT_SEGMENT_SPACE;
        header->msg_controllen += source;
    }
}

/* One target's packets in their place: 0, or libsrtp's refusal. */
static int protect_all(const tt_batch *batch, uint8_t *copy, void *context, int64_t number, int32_t transport,
                       int32_t tag, protect_t protect)
{
    for (int32_t i = 0; i < batch->packets; i++) {
        uint8_t *packet = copy + batch->packet[i].offset;
        int length = batch->packet[i].length;
        if (transport) {
            packet[TRANSPORT_NUMBER] = number >> 8;
            packet[TRANSPORT_NUMBER + 1] = number;
            number++;
        }
        if (protect(context, packet, &length) || length > batch->packet[i].length + tag)
            return -1;
    }
    return 0;
}

int tt_copy(const tt_batch *batch, tt_queue *queue, tt_targets *targets, int32_t begin, int32_t end,
            int32_t transport, int32_t tag, void *protect)
{
    int32_t i = begin;
    if (begin < 0 || end > TT_BATCH || batch->size > (int32_t)sizeof batch->bytes)
        return begin;
    for (; i < end; i++) {
        const int64_t base = queue->used;
        if (base + batch->size > queue->size || queue->count + batch->messages > queue->capacity)
            break;
        memcpy(queue->memory + base, batch->bytes, batch->size);
        if (protect_all(batch, queue->memory + base, targets->context[i], targets->first[i], transport, tag,
                        (protect_t)protect)) {
            /* What is not protected must not leave: the target misses this batch and asks again. */
            targets->base[i] = -1;
            targets->refused++;
            continue;
        }
        targets->base[i] = base;
        queue->used = base + batch->size;
        if (!targets->address[i])
            targets->connected++;
        else
            for (int32_t k = 0; k < batch->messages; k++)
                enqueue(queue, targets->address[i], base + batch->message[k].offset, &batch->message[k]);
    }
    return i;
}

int tt_forward(const uint8_t *stored, const uint16_t *lengths, int32_t history, const int32_t *slots, int32_t count,
               const tt_wire *wire, int32_t max_segments, tt_batch *batch, tt_queue *queue, tt_targets *targets,
               int32_t end, void *protect)
{
    if (tt_render(stored, lengths, history, slots, count, wire, max_segments, batch))
        return -1;
    if (!batch->packets)
        return end;
    return tt_copy(batch, queue, targets, 0, end, wire->transport != 0, wire->tag, protect);
}

static void put_word(uint8_t *at, uint32_t value)
{
    at[0] = value >> 24;
    at[1] = value >> 16;
    at[2] = value >> 8;
    at[3] = value;
}

static tt_source **bucket_of(const tt_known *known, const uint8_t *name, uint32_t ssrc)
{
    uint64_t words[3], hash = ssrc;
    uint32_t last;

    /* Whoever makes up SSRCs and ports cannot know which of them meet in one bucket. */
    memcpy(words, name, sizeof words);
    memcpy(&last, name + sizeof words, sizeof last);
    for (int i = 0; i < 3; i++)
        hash = (hash ^ words[i]) * known->salt, hash ^= hash >> 29;
    hash = (hash ^ last) * known->salt;
    return &known->bucket[hash >> 32 & known->mask];
}

void tt_follow(tt_known *known, tt_source *source)
{
    tt_source **bucket = bucket_of(known, source->name, source->ssrc);

    source->chain = *bucket;
    *bucket = source;
}

void tt_drop(tt_known *known, tt_source *source)
{
    for (tt_source **at = bucket_of(known, source->name, source->ssrc); *at; at = &(*at)->chain)
        if (*at == source) {
            *at = source->chain;
            return;
        }
}

static tt_source *find(const tt_known *known, const uint8_t *name, uint32_t ssrc)
{
    for (tt_source *source = *bucket_of(known, name, ssrc); source; source = source->chain)
        if (source->ssrc == ssrc && !memcmp(source->name, name, TT_NAME))
            return source;
    return NULL;
}

/* Whether a protected packet, whose header nobody has proven yet, is the expected one. */
static int is_expected(const uint8_t *packet, int32_t length, const tt_source *source)
{
    const int32_t payload = length - HEADER - source->block - source->tag;
    const uint8_t *block = packet + HEADER;

    if (payload <= 0 || HEADER + source->canonical + payload > TT_SLOT)
        return 0;
    if (packet[0] != (source->block ? 0x90 : 0x80) || (packet[1] & 0x7F) != source->payload_type)
        return 0;
    if ((packet[1] >= 192 && packet[1] <= 223) /* RTCP */ || (uint32_t)(packet[2] << 8 | packet[3]) != source->next)
        return 0;
    if (word(packet + 8) != source->ssrc)
        return 0;
    for (int32_t i = 0; i < source->block; i++)
        if ((block[i] & source->mask[i]) != source->fixed[i])
            return 0;
    return 1;
}

/* seams/ancillary.py, arrival: the kernel's time stamp, which it puts first. */
static double arrival(const tt_inbox *inbox, int32_t index, double now)
{
    const uint8_t *control = inbox->controls + (int64_t)index * TT_INBOX_CONTROL;
    struct cmsghdr header;
    int64_t stamp[2];

    if (inbox->messages[index].msg_hdr.msg_controllen < sizeof header + sizeof stamp)
        return now;
    memcpy(&header, control, sizeof header);
    if (header.cmsg_len != sizeof header + sizeof stamp || header.cmsg_level != SOL_SOCKET ||
        header.cmsg_type != SCM_TIMESTAMPNS)
        return now;
    memcpy(stamp, control + sizeof header, sizeof stamp);
    return stamp[0] + stamp[1] * 1e-9;
}

/* core/track.py, _store: an opened packet in canonical form. */
static void store(const tt_source *source, const uint8_t *packet, int32_t payload, int64_t outgoing, uint32_t timestamp)
{
    const int32_t slot = outgoing % source->slots;
    const int32_t body = HEADER + source->canonical;
    uint8_t *at = source->stored + (int64_t)slot * TT_SLOT;

    at[0] = 0x90;
    at[1] = (packet[1] & MARKER) | source->codec;
    at[2] = outgoing >> 8;
    at[3] = outgoing;
    put_word(at + 4, timestamp);
    put_word(at + 8, source->outgoing_ssrc);
    memcpy(at + HEADER, source->canonical_block, source->canonical);
    if (source->level_at >= 0)
        at[HEADER + source->canonical_level] = packet[source->level_at];
    memcpy(at + body, packet + HEADER + source->block, payload);
    source->sequences[slot] = outgoing;
    source->lengths[slot] = body + payload;
}

/* One more packet of a source, opened, in the story. */
static void tell(tt_story *story, int32_t k, const tt_source *source, const uint8_t *packet, int32_t length,
                 int32_t payload, double arrived)
{
    if (!story->runs || story->run[story->runs - 1].source != source->index)
        story->run[story->runs++] = (tt_run){.source = source->index, .begin = k};

    tt_run *run = &story->run[story->runs - 1];
    story->timestamp[k] = word(packet + 4);
    story->number[k] = source->number_at < 0 ? 0 : packet[source->number_at] << 8 | packet[source->number_at + 1];
    story->level[k] = source->level_at < 0 ? 0 : packet[source->level_at];
    story->arrival[k] = arrived;
    /* core/descriptors/vp8.py, starts_keyframe: its first look. Of other codecs Python looks at every packet. */
    run->starts += source->codec != VP8 || (packet[HEADER + source->block] & 0x17) == 0x10;
    run->frames += run->taken == 0 || story->timestamp[k] != story->timestamp[k - 1];
    run->payload += payload;
    run->received += length;
    run->taken++;
}

int tt_take(const tt_inbox *inbox, int32_t begin, int32_t end, const tt_known *known, void *unprotect, double now,
            tt_story *story)
{
    story->runs = story->refused = 0;
    if (begin < 0 || end > inbox->batch || end - begin > TT_BATCH)
        return 0;
    for (int32_t i = begin; i < end; i++) {
        uint8_t *packet = inbox->slots + (int64_t)i * TT_INBOX_SLOT;
        const int32_t length = inbox->messages[i].msg_len;
        tt_source *source = find(known, inbox->names + (int64_t)i * TT_NAME_SLOT, word(packet + 8));
        int opened = length;

        if (!source || source->outgoing < 0 || *source->left <= 0 || source->slots <= 0 ||
            source->block > TT_BLOCK || source->canonical > TT_CANONICAL || length > TT_INBOX_SLOT ||
            !is_expected(packet, length, source))
            return i - begin;
        if (((protect_t)unprotect)(source->context, packet, &opened) || opened != length - source->tag) {
            story->refused = 1;
            return i - begin + 1;
        }
        const int32_t payload = opened - HEADER - source->block;
        store(source, packet, payload, source->outgoing, word(packet + 4) + source->timestamp_offset);
        tell(story, i - begin, source, packet, length, payload, arrival(inbox, i, now));
        --*source->left;
        source->next = (source->next + 1) & 0xFFFF;
        source->outgoing++;
    }
    return end - begin;
}
