package unix

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"syscall"

	"proximity/pvesim/machine/vfs"
)

// File is an open file that descriptors of several processes may share; the last Close closes it.
type File struct {
	refs   atomic.Int32
	stream stream
	lock   *vfs.Lock // of files on disk
	TTY    bool
}

type stream interface {
	Read(ctx context.Context, b []byte) (int, error)
	Write(ctx context.Context, b []byte) (int, error)
	Close() error
}

func newFile(s stream, lock *vfs.Lock) *File {
	f := &File{stream: s, lock: lock}
	f.refs.Store(1)
	return f
}

func (f *File) dup() *File {
	f.refs.Add(1)
	return f
}

// Dup returns another reference to f.
func (f *File) Dup() *File { return f.dup() }

// Close gives one reference up.
func (f *File) Close() error {
	if f.refs.Add(-1) > 0 {
		return nil
	}
	if f.lock != nil {
		f.lock.Release(f)
	}
	return f.stream.Close()
}

// Lock takes the file's flock(2) lock; with wait it blocks until ctx ends.
func (f *File) Lock(ctx context.Context, exclusive, wait bool) error {
	switch {
	case f.lock == nil:
		return syscall.EINVAL
	case wait:
		return f.lock.Acquire(ctx, f, exclusive)
	case !f.lock.Try(f, exclusive):
		return syscall.EAGAIN
	}
	return nil
}

// Unlock gives the lock up.
func (f *File) Unlock() {
	if f.lock != nil {
		f.lock.Release(f)
	}
}

type diskStream struct{ *vfs.File }

func (s diskStream) Read(_ context.Context, b []byte) (int, error)  { return s.File.Read(b) }
func (s diskStream) Write(_ context.Context, b []byte) (int, error) { return s.File.Write(b) }

// pipe is a bounded queue of bytes between processes.
type pipe struct {
	mu      sync.Mutex
	buf     []byte
	changed chan struct{} // closed and replaced on every change
	eof     bool          // no writers
	broken  bool          // no readers
}

const pipeSize = 64 << 10

func newPipe() *pipe { return &pipe{changed: make(chan struct{})} }

func (q *pipe) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *pipe) read(ctx context.Context, b []byte) (int, error) {
	for {
		q.mu.Lock()
		if len(q.buf) > 0 {
			n := copy(b, q.buf)
			q.buf = q.buf[n:]
			q.wake()
			q.mu.Unlock()
			return n, nil
		}
		eof, changed := q.eof, q.changed
		q.mu.Unlock()
		if eof {
			return 0, io.EOF
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, io.EOF
		}
	}
}

func (q *pipe) write(ctx context.Context, b []byte) (int, error) {
	written := 0
	for written < len(b) {
		q.mu.Lock()
		if q.broken {
			q.mu.Unlock()
			return written, syscall.EPIPE
		}
		if room := pipeSize - len(q.buf); room > 0 {
			n := min(room, len(b)-written)
			q.buf = append(q.buf, b[written:written+n]...)
			written += n
			q.wake()
			q.mu.Unlock()
			continue
		}
		changed := q.changed
		q.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return written, ctx.Err()
		}
	}
	return written, nil
}

func (q *pipe) close(eof, broken bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.eof = q.eof || eof
	q.broken = q.broken || broken
	q.wake()
}

type pipeReader struct{ *pipe }

func (r pipeReader) Read(ctx context.Context, b []byte) (int, error) { return r.read(ctx, b) }
func (r pipeReader) Write(context.Context, []byte) (int, error)      { return 0, syscall.EBADF }
func (r pipeReader) Close() error                                    { r.close(false, true); return nil }

type pipeWriter struct{ *pipe }

func (w pipeWriter) Read(context.Context, []byte) (int, error)        { return 0, syscall.EBADF }
func (w pipeWriter) Write(ctx context.Context, b []byte) (int, error) { return w.write(ctx, b) }
func (w pipeWriter) Close() error                                     { w.close(true, false); return nil }

// Pipe returns the two ends of a new pipe.
func Pipe() (r, w *File) {
	q := newPipe()
	return newFile(pipeReader{q}, nil), newFile(pipeWriter{q}, nil)
}

type nullStream struct{}

func (nullStream) Read(context.Context, []byte) (int, error)      { return 0, io.EOF }
func (nullStream) Write(_ context.Context, b []byte) (int, error) { return len(b), nil }
func (nullStream) Close() error                                   { return nil }

// Null is what /dev/null opens to.
func Null() *File { return newFile(nullStream{}, nil) }

// TextFile is a file to read s from.
func TextFile(s string) *File { return newFile(&textStream{rest: s}, nil) }

type textStream struct {
	mu   sync.Mutex
	rest string
}

func (t *textStream) Read(_ context.Context, b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rest == "" {
		return 0, io.EOF
	}
	n := copy(b, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}
func (t *textStream) Write(context.Context, []byte) (int, error) { return 0, syscall.EBADF }
func (t *textStream) Close() error                               { return nil }

// Input is a file whose bytes come from outside. Nothing is read from r before a process reads. A goroutine may stay
// in r.Read until that returns; whoever owns r ends it.
func Input(r io.Reader) *File {
	return newFile(&inputStream{pipe: newPipe(), from: r}, nil)
}

type inputStream struct {
	*pipe
	from io.Reader
	once sync.Once
}

func (s *inputStream) Read(ctx context.Context, b []byte) (int, error) {
	s.once.Do(func() { go s.pump() })
	return s.read(ctx, b)
}

func (s *inputStream) pump() {
	buf := make([]byte, 32<<10)
	for {
		n, err := s.from.Read(buf)
		if n > 0 {
			if _, werr := s.write(context.Background(), buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			s.close(true, false)
			return
		}
	}
}

func (s *inputStream) Write(context.Context, []byte) (int, error) { return 0, syscall.EBADF }
func (s *inputStream) Close() error                               { s.close(true, true); return nil }

// Output is a file whose bytes go outside, to w, through a goroutine. Flush waits until what has been written so far
// is with w, then cuts w off: later bytes are dropped. Drained is closed when no process holds the file any more.
type Output struct {
	File *File
	q    *pipe
	sent chan struct{}
}

// NewOutput starts copying to w.
func NewOutput(w io.Writer) *Output {
	o := &Output{q: newPipe(), sent: make(chan struct{})}
	o.File = newFile(outputStream{o}, nil)
	go func() {
		defer close(o.sent)
		buf := make([]byte, 32<<10)
		for {
			n, err := o.q.read(context.Background(), buf)
			if err != nil {
				return
			}
			if _, err := w.Write(buf[:n]); err != nil {
				w = io.Discard // a client that went away stops nothing inside
			}
		}
	}()
	return o
}

// Flush hands w the last bytes and cuts it off.
func (o *Output) Flush() {
	o.q.close(true, false)
	<-o.sent
}

type outputStream struct{ o *Output }

func (s outputStream) Read(context.Context, []byte) (int, error) { return 0, syscall.EBADF }
func (s outputStream) Write(ctx context.Context, b []byte) (int, error) {
	s.o.q.mu.Lock()
	cut := s.o.q.eof
	s.o.q.mu.Unlock()
	if cut {
		return len(b), nil
	}
	return s.o.q.write(ctx, b)
}
func (s outputStream) Close() error { s.o.q.close(true, false); return nil }

// Drain waits, as sshd does, until no process holds the file any more and w has everything, or until stop is closed.
func (o *Output) Drain(stop <-chan struct{}) {
	select {
	case <-o.sent:
	case <-stop:
		o.Flush()
	}
}
