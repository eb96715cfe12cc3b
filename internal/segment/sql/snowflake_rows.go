package sql

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// snowflakeCursor reads the partitions of a result, one after the other.
type snowflakeCursor struct {
	*snowflakeSession
	ctx       context.Context //nolint:containedctx // of the statement, whose rows are read one by one
	result    *snowflakeResult
	types     []textType
	partition int
	rows      *jsonRows // of the partition
	read      int64     // rows of the partition
	total     int64     // rows of the partitions before
	cells     [][]byte
}

// next implements cursor.
func (c *snowflakeCursor) next() error {
	for {
		row, err := c.rows.next()
		switch {
		case err == nil:
			c.read++
			return c.split(row)
		case !errors.Is(err, io.EOF):
			return c.lost(err)
		}
		if err := c.endPartition(); err != nil {
			return err
		}
	}
}

// split finds the values of a row.
func (c *snowflakeCursor) split(row []byte) error {
	c.cells = c.cells[:0]
	err := walkJSON(row, func(_, value []byte) error {
		c.cells = append(c.cells, value)
		return nil
	})
	if err != nil || len(c.cells) != len(c.types) {
		return brokenError(c.config.endpoint.Host)
	}
	return nil
}

// endPartition opens the next partition, or returns io.EOF after the last one. A
// partition must have the rows that the result is said to have.
func (c *snowflakeCursor) endPartition() error {
	if c.partition < len(c.result.Partitions) && c.read != c.result.Partitions[c.partition].Rows {
		return argumentError("url", "Plan again.", "Snowflake has given %d of the %d rows of partition %d of the result.", c.read, c.result.Partitions[c.partition].Rows, c.partition)
	}
	c.total, c.read = c.total+c.read, 0
	if c.partition++; c.partition >= len(c.result.Partitions) {
		if c.total != c.result.Rows {
			return argumentError("url", "Plan again.", "Snowflake has given %d of the %d rows of the result.", c.total, c.result.Rows)
		}
		return io.EOF
	}
	answer, err := c.client.open(c.ctx, restRequest{
		method: http.MethodGet, url: c.address(c.handle) + "?partition=" + strconv.Itoa(c.partition), header: snowflakeHeader, repeatable: true,
	})
	if err != nil {
		return c.failure(err, 0)
	}
	c.rows = newJSONRows(answer.body, "data")
	return nil
}

// append implements cursor.
func (c *snowflakeCursor) append(dst []byte, column int) ([]byte, error) {
	return c.types[column].appendScalar(dst, c.cells[column])
}
