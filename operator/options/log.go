package options

import (
	"io"
	"log/slog"

	"github.com/go-logr/logr"
)

// Level is how much is logged.
type Level string

const (
	// LevelError logs what failed.
	LevelError Level = "error"
	// LevelInfo logs what users notice too: weights that moved, releases that ended.
	LevelInfo Level = "info"
	// LevelDebug logs each decision too.
	LevelDebug Level = "debug"
)

// Format is how a line of the log is written.
type Format string

const (
	// FormatJSON writes one JSON object a line.
	FormatJSON Format = "json"
	// FormatText writes key=value pairs.
	FormatText Format = "text"
)

// Logger returns the logger of these options, writing to w.
func (l Log) Logger(w io.Writer) logr.Logger {
	// logr's V(1) is slog's level -1; client libraries use higher ones for every request, which nobody asked for.
	levels := map[Level]slog.Level{LevelError: slog.LevelError, LevelInfo: slog.LevelInfo, LevelDebug: slog.LevelInfo - 1}
	options := &slog.HandlerOptions{Level: levels[l.Level]}
	if l.Format == FormatText {
		return logr.FromSlogHandler(slog.NewTextHandler(w, options))
	}
	return logr.FromSlogHandler(slog.NewJSONHandler(w, options))
}
