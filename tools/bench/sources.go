package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

// The sources. The path of a workload is that of the file, or the URL of the
// database.
const (
	fromParquet    = "Parquet"
	fromPostgres   = "PostgreSQL"
	fromClickHouse = "ClickHouse"
)

const benchQuery = "SELECT * FROM bench"

// source returns the segment of a workload.
func (w workload) source() segment.Source {
	if w.Source == fromPostgres || w.Source == fromClickHouse {
		return sql.Source{URL: w.Path, Query: benchQuery}
	}
	return file.Source{Path: w.Path}
}

// sources measures segments in other formats than CSV, against only reading them
// with the library.
func (b *suite) sources(ctx context.Context) error {
	defer sqltest.Stop()
	rows := b.rows(1_000_000)
	if err := writeSegment(b.path, rows, 0); err != nil {
		return err
	}
	parquetPath := b.path + ".parquet"
	if err := copyToParquet(b.path, parquetPath); err != nil {
		return err
	}
	url, err := copyToPostgres(ctx, b.path)
	if err != nil {
		return err
	}
	clickhouse, err := copyToClickHouse(ctx, b.path)
	if err != nil {
		return err
	}
	for _, from := range []workload{{Source: fromParquet, Path: parquetPath}, {Source: fromPostgres, Path: url}, {Source: fromClickHouse, Path: clickhouse}} {
		if err := b.fromSource(ctx, from, rows); err != nil {
			return err
		}
	}
	return nil
}

func (b *suite) fromSource(ctx context.Context, from workload, rows int) error {
	server, run, err := startSimulator(from.Path, rows, 1, false)
	if err != nil {
		return err
	}
	defer server.Close()
	run.Source = from.Source
	var ratios, peaks []float64
	for range b.rounds {
		floor, err := measure(ctx, workload{Kind: "floor", Source: from.Source, Path: from.Path, Rows: rows})
		if err != nil {
			return err
		}
		survey, err := measure(ctx, workload{Kind: "survey", Source: from.Source, Path: from.Path, Rows: rows})
		if err != nil {
			return err
		}
		whole, err := measure(ctx, run)
		if err != nil {
			return err
		}
		ratios, peaks = append(ratios, survey.CPU/floor.CPU), append(peaks, whole.Peak)
	}
	name := "1,000,000 rows from " + from.Source
	b.add(name+", survey: CPU / only reading them", median(ratios), 3, "%.2f")
	b.add(name+", survey and run: peak memory, MiB", median(peaks), 150, "%.0f")
	return nil
}

// person is a row of the segment, with the types of a Parquet file.
type person struct {
	ContactID   string  `parquet:"ContactId"`
	FirstName   string  `parquet:"FirstName"`
	LastName    string  `parquet:"LastName"`
	EMail       string  `parquet:"EMail"`
	Telephone   string  `parquet:"Telephone"`
	City        string  `parquet:"City"`
	State       string  `parquet:"State"`
	Country     string  `parquet:"Country"`
	Birthday    string  `parquet:"Birthday"`
	LoyaltyTier string  `parquet:"Loyalty Tier"`
	Income      float64 `parquet:"Income"`
}

func personOf(row []string) (p person, err error) {
	for i, to := range []*string{
		&p.ContactID, &p.FirstName, &p.LastName, &p.EMail, &p.Telephone, &p.City, &p.State, &p.Country, &p.Birthday, &p.LoyaltyTier,
	} {
		*to = row[i]
	}
	p.Income, err = strconv.ParseFloat(row[10], 64)
	return p, err
}

// eachPerson reads the CSV file.
func eachPerson(path string, take func(person) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReaderSize(f, 128<<10))
	if _, err := r.Read(); err != nil { // the header
		return err
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p, err := personOf(row)
		if err != nil {
			return err
		}
		if err := take(p); err != nil {
			return err
		}
	}
}

func copyToParquet(from, to string) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	w := parquet.NewGenericWriter[person](f, parquet.Compression(&parquet.Snappy), parquet.MaxRowsPerRowGroup(100_000))
	if err := eachPerson(from, func(p person) error {
		_, err := w.Write([]person{p})
		return err
	}); err != nil {
		return err
	}
	return w.Close()
}

func copyToPostgres(ctx context.Context, from string) (url string, err error) {
	url, err = sqltest.NewPostgres("bench")
	if err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	const table = `CREATE TABLE bench ("ContactId" text, "FirstName" text, "LastName" text, "EMail" text, "Telephone" text, "City" text, "State" text,
		"Country" text, "Birthday" text, "Loyalty Tier" text, "Income" double precision)`
	if _, err := conn.Exec(ctx, table); err != nil {
		return "", err
	}
	f, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = conn.PgConn().CopyFrom(ctx, f, "COPY bench FROM STDIN WITH (FORMAT csv, HEADER)")
	return url, err
}

// readParquet is the floor of Parquet: it reads rows with the library.
func readParquet(w workload) error {
	f, err := os.Open(w.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := parquet.NewGenericReader[person](f)
	defer r.Close()
	people, rows := make([]person, 512), 0
	for {
		n, err := r.Read(people)
		rows += n
		if errors.Is(err, io.EOF) {
			return w.checkRows(rows)
		}
		if err != nil {
			return err
		}
	}
}

// readPostgres is the floor of PostgreSQL: it scans rows with the driver.
func readPostgres(ctx context.Context, w workload) error {
	conn, err := pgx.Connect(ctx, w.Path)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	found, err := conn.Query(ctx, benchQuery)
	if err != nil {
		return err
	}
	defer found.Close()
	rows := 0
	for found.Next() {
		var p person
		var tier *string
		if err := found.Scan(&p.ContactID, &p.FirstName, &p.LastName, &p.EMail, &p.Telephone, &p.City, &p.State, &p.Country, &p.Birthday, &tier, &p.Income); err != nil {
			return err
		}
		rows++
	}
	if err := found.Err(); err != nil {
		return err
	}
	return w.checkRows(rows)
}

func (w workload) checkRows(read int) error {
	if read != w.Rows {
		return fmt.Errorf("read %d rows", read)
	}
	return nil
}
