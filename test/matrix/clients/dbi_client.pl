# Perl DBI with DBD::Pg. Connection parameters come from libpq's own environment variables.
use strict;
use warnings;
use DBI;
use DBD::Pg qw(:async);

$| = 1;
my $application = $ENV{PGAPPNAME};
my ($port_a, $port_b) = @ENV{qw(MATRIX_PORT_A MATRIX_PORT_B)};
my $main;

sub say_line { print "$_[0]\n" }

# Runs one step and says what became of it. A step that returns a string has no such thing in this client.
sub step {
    my ($name, $run) = @_;
    my $reason = eval { $run->() };
    my $failure = $@;
    if ($failure ne '') { $failure =~ s/\s+/ /g; say_line("step $name fail $failure") }
    elsif (defined $reason && $reason ne '') { say_line("step $name none $reason") }
    else { say_line("step $name ok") }
}

# Returns once the matrix has done what is asked for.
sub ask {
    say_line("ask $_[0]");
    my $answer = <STDIN> // 'the matrix has gone';
    chomp $answer;
    die "$answer\n" if $answer ne 'done';
}

sub expect { my ($found, $wanted) = @_; die "expected $wanted, got " . ($found // 'nothing') . "\n" if ($found // '') ne $wanted }

sub open_connection {
    my ($dsn, $password) = @_;
    return DBI->connect("dbi:Pg:$dsn", undef, $password, { RaiseError => 1, PrintError => 0, AutoCommit => 1 });
}

sub one { my ($db, $sql, @values) = @_; return ($db->selectrow_array($sql, undef, @values))[0] }
sub server_port { return one($_[0], 'SELECT inet_server_port()') }

sub elsewhere {
    my $db = open_connection(@_);
    expect(server_port($db), $port_b);
    $db->disconnect;
    return;
}

sub heard {
    my ($payload) = @_;
    $main->do('SELECT pg_notify(?, ?)', undef, $application, $payload);
    my $note = $main->pg_notifies or die "no notification came\n";
    expect($note->[2], $payload);
}

if ($ENV{MATRIX_MODE} eq 'connect') {
    step(connect => sub { my $db = open_connection(''); expect(server_port($db), $port_a); $db->disconnect; return });
    exit 0;
}

step(prefix => sub { elsewhere("dbname=$ENV{MATRIX_OTHER}/postgres") });
step(options => sub { elsewhere("dbname=postgres;options=endpoint=$ENV{MATRIX_OTHER}") });
step(password => sub {
    return 'nobody asks for one' if $ENV{MATRIX_ASKS_PASSWORD} eq 'no';
    eval { open_connection('', 'not this one')->disconnect; 1 } and die "a wrong password was accepted\n";
    die $@ if $@ !~ /password authentication failed/;
    return;
});
step(connect => sub {
    $main = open_connection('');
    say_line("version DBD::Pg $DBD::Pg::VERSION, libpq $main->{pg_lib_version}");
    return;
});
exit 0 if !defined $main;

step(parameters => sub { expect(one($main, 'SELECT ?::int + ?::int', 40, 2), 42); return });
step(transaction => sub {
    $main->begin_work;
    $main->do('INSERT INTO matrix_rows VALUES (?, 1)', undef, $application);
    $main->rollback;
    $main->begin_work;
    $main->do('INSERT INTO matrix_rows VALUES (?, 2)', undef, $application);
    $main->commit;
    expect(join(',', @{ $main->selectcol_arrayref('SELECT n FROM matrix_rows WHERE who = ?', undef, $application) }), '2');
    return;
});
step(error => sub {
    eval { one($main, 'SELECT 1/0'); 1 } and die "no error was reported\n";
    expect($main->state, '22012');
    expect(one($main, 'SELECT 1'), 1);
    return;
});
my $doubled;
sub doubled { my ($n) = @_; $doubled->execute($n); expect(($doubled->fetchrow_array)[0], $n * 2); $doubled->finish }
step(prepared => sub {
    $doubled = $main->prepare('SELECT ?::int * 2', { pg_prepare_now => 1 });
    doubled($_) for 1 .. 3;
    return;
});
step(cancel => sub {
    $main->do('SELECT pg_sleep(30)', { pg_async => PG_ASYNC });
    ask('cancel');
    # It waits for the server's word that the statement was cancelled; false would mean that it had already ended.
    $main->pg_cancel or die "the query was not cancelled\n";
    expect(one($main, 'SELECT 1'), 1);
    return;
});
step(copy => sub {
    my $rows = join('', map { "$application-copy\t$_\n" } 0 .. 999);
    $main->do('COPY matrix_rows FROM STDIN');
    $main->pg_putcopydata("$_\n") for split /\n/, $rows;
    $main->pg_putcopyend;
    $main->do("COPY (SELECT * FROM matrix_rows WHERE who = '$application-copy' ORDER BY n) TO STDOUT");
    my ($line, $found) = ('', '');
    $found .= $line while $main->pg_getcopydata($line) >= 0;
    expect($found, $rows);
    return;
});
step(notify => sub { $main->do(qq(LISTEN "$application")); heard('before'); return });
step(migrate => sub { expect(server_port($main), $port_a); ask('migrate'); expect(server_port($main), $port_b); return });
step(after => sub { doubled(21); heard('after'); return });
step(close => sub { undef $doubled; $main->disconnect; return });
